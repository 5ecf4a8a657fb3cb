import { fromHex } from '@kios/bytes';
import type { Lease as LeaseRecord } from '@kios/node-state';

import type { Lease } from './lease.ts';
import { broadcastOf } from './network.ts';
import { OPTIONS, OptionSet } from './options.ts';
import type { Held } from './states.ts';

/** What a record says beside the lease. */
export interface Circumstances {
  readonly link: string;
  readonly mac: string;
  readonly bootId: string;
  /** Wall clock, RFC 3339: for people; a machine without a clock battery has a worthless one. */
  readonly wall: string;
}

/** The lease as other programs read it, and this one after a restart. */
export function toRecord({ lease, since }: Held, where: Circumstances): LeaseRecord {
  return {
    v: 1,
    if: where.link,
    mac: where.mac,
    state: 'bound',
    bootId: where.bootId,
    acquired: { boot: since / 1000, wall: where.wall },
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
  };
}

export function fromRecord(record: LeaseRecord): Held {
  const [address = '', prefix = '32'] = record.address.split('/');
  return {
    since: record.acquired.boot * 1000,
    lease: {
      address,
      prefix: Number(prefix),
      broadcast: readBroadcast(record.raw) ?? broadcastOf(address, Number(prefix)),
      server: record.server,
      leaseSeconds: record.lease,
      t1Seconds: record.t1,
      t2Seconds: record.t2,
      gateways: record.gateways,
      routes: record.routes,
      mtu: record.mtu,
      dns: record.dns,
      search: record.search,
      ntp: record.ntp,
      hostname: record.hostname,
      domain: record.domain,
      raw: record.raw,
    } satisfies Lease,
  };
}

function readBroadcast(raw: Readonly<Record<string, string>>): string | undefined {
  const options = Object.entries(raw).map(([code, hex]) => [Number(code), fromHex(hex)] as const);
  return new OptionSet(options).get(OPTIONS.broadcast);
}
