import { fromHex } from '@kios/bytes';
import { Lease as LeaseRecord } from '@kios/node-state';
import * as v from 'valibot';

import type { LinkMtu } from '../kernel/present.ts';
import { type Lease, readMask, readSaid } from '../lease/lease.ts';
import { broadcastOf } from '../lease/network.ts';
import { gatewaysOf } from '../lease/routes.ts';
import { OptionSet } from '../wire/options.ts';
import { type BoundLease, type NetworkMemory, UNKNOWN_NETWORK } from './model.ts';
import type { Millis } from './timing.ts';

const DAY = 24 * 3600 * 1000;
const degradeLevel = v.picklist([0, 1, 2, 3]);
const wallTime = v.number();

/** The lease as other programs read it, with fields for the next instance of this one. Wall times in milliseconds. */
export const StoredLease = v.object({
  ...LeaseRecord.entries,
  /** Values of the options that `--option` asks for. */
  options: v.optional(v.record(v.string(), v.unknown()), {}),
  /** The degrade level, under its name in files of earlier versions. */
  ladder: v.optional(degradeLevel, 0),
  /** Conflict detection found no other host with the address. */
  checked: v.optional(v.boolean(), true),
  gatewayMac: v.optional(v.string()),
  serverMac: v.optional(v.string()),
  rapidOffUntil: v.optional(wallTime, 0),
  declined: v.optional(v.array(v.object({ address: v.string(), until: wallTime })), []),
  /** The link lost its carrier when its MTU was set, so the MTU goes to the routes. */
  mtuOnRoutes: v.optional(v.boolean(), false),
  /** The MTU of the link before a lease changed it, and the one that the lease gave it. */
  linkMtu: v.optional(v.object({ before: v.number(), set: v.number() })),
});
export type StoredLease = v.InferOutput<typeof StoredLease>;

/** Both clocks at one moment. Only differences of the wall clock count: without a battery it is wrong at boot. */
export interface Clocks {
  readonly now: Millis;
  readonly wall: number;
}

/** The fields of a record that do not come from the lease. */
export interface Circumstances {
  readonly link: string;
  readonly mac: string;
  readonly bootId: string;
  readonly checked: boolean;
  readonly mtuOnRoutes: boolean;
  readonly linkMtu?: LinkMtu | undefined;
  readonly clocks: Clocks;
}

/** The content of a record for the next instance. */
export interface Remembered {
  readonly held: BoundLease;
  readonly network: NetworkMemory;
  readonly checked: boolean;
  readonly mtuOnRoutes: boolean;
  readonly linkMtu?: LinkMtu | undefined;
  /** What the record has of the lease: others were to use no more. */
  readonly told?: Pick<Lease, 'search' | 'ntp'>;
}

export function toRecord(
  held: BoundLease,
  network: NetworkMemory,
  where: Circumstances,
): StoredLease {
  const { lease, since } = held;
  const { now, wall } = where.clocks;
  const toWall = (time: Millis): number => wall + time - now;
  return {
    v: 1,
    if: where.link,
    mac: where.mac,
    state: 'bound',
    bootId: where.bootId,
    acquired: { boot: since / 1000, wall: new Date(toWall(since)).toISOString() },
    address: `${lease.address}/${lease.prefix}`,
    ...(lease.server === undefined ? {} : { server: lease.server }),
    lease: lease.leaseSeconds,
    t1: lease.t1Seconds,
    t2: lease.t2Seconds,
    gateways: [...lease.gateways],
    routes: [...lease.routes],
    ...(lease.mtu === undefined ? {} : { mtu: lease.mtu }),
    dns: [...lease.dns],
    search: [...lease.search],
    ntp: [...lease.ntp],
    ...(lease.hostname === undefined ? {} : { hostname: lease.hostname }),
    ...(lease.domain === undefined ? {} : { domain: lease.domain }),
    raw: { ...lease.raw },
    options: {},
    ladder: held.degradeLevel,
    checked: where.checked,
    ...(network.gatewayMac === undefined ? {} : { gatewayMac: network.gatewayMac }),
    ...(network.serverMac === undefined ? {} : { serverMac: network.serverMac }),
    rapidOffUntil: network.rapidOffUntil > now ? toWall(network.rapidOffUntil) : 0,
    declined: network.declined
      .filter(({ until }) => until > now)
      .map(({ address, until }) => ({ address, until: toWall(until) })),
    mtuOnRoutes: where.mtuOnRoutes,
    ...(where.linkMtu === undefined ? {} : { linkMtu: where.linkMtu }),
  };
}

export function fromRecord(record: StoredLease, clocks: Clocks): Remembered {
  const [address = '', prefix = '32'] = record.address.split('/');
  const options = optionsOf(record.raw);
  const said = readSaid(options, address, Number(prefix));
  const lease: Lease = {
    address,
    prefix: Number(prefix),
    maskGuessed: readMask(options) === undefined,
    broadcast: broadcastOf(address, Number(prefix)),
    server: record.server,
    leaseSeconds: record.lease,
    t1Seconds: record.t1,
    t2Seconds: record.t2,
    // The file names only gateways that the kernel took.
    gateways: gatewaysOf(record.routes),
    routes: record.routes,
    fallbackRouter: said.fallbackRouter,
    mtu: record.mtu,
    dns: record.dns,
    search: record.search.length > 0 ? record.search : said.search,
    ntp: record.ntp.length > 0 ? record.ntp : said.ntp,
    hostname: record.hostname,
    domain: record.domain,
    raw: record.raw,
    limits: [],
  };
  return {
    held: { lease, since: record.acquired.boot * 1000, degradeLevel: record.ladder },
    network: networkFrom(record, clocks),
    checked: record.checked,
    mtuOnRoutes: record.mtuOnRoutes,
    linkMtu: record.linkMtu,
    told: { search: record.search, ntp: record.ntp },
  };
}

/** Limits times to a day from now, the most that any of them means: a clock that jumped back would prolong them. */
function networkFrom(record: StoredLease, { now, wall }: Clocks): NetworkMemory {
  const fromWall = (time: number): Millis => now + Math.min(Math.max(time - wall, 0), DAY);
  return {
    ...UNKNOWN_NETWORK,
    server: record.server,
    degradeLevel: record.ladder,
    rapidOffUntil: fromWall(record.rapidOffUntil),
    declined: record.declined.map(({ address, until }) => ({ address, until: fromWall(until) })),
    gatewayMac: record.gatewayMac,
    serverMac: record.serverMac,
  };
}

const optionsOf = (raw: Readonly<Record<string, string>>): OptionSet =>
  new OptionSet(Object.entries(raw).map(([code, hex]) => [Number(code), fromHex(hex)] as const));
