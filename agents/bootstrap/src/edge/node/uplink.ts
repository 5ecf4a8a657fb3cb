import path from 'node:path';

import { DirectoryWatch, type Logger, readIfThere } from '@kios/agent';
import { type Lease, NetworkStatus, readLeases, readStateIfThere } from '@kios/node-state';

import { announcedAddress, type LinkAddress, routedAddress } from '../../core/node/ipv6.ts';
import type { Settings } from '../../core/settings/settings.ts';
import { bootSeconds, readPrimaryLease } from './host.ts';

/** The kernel's tables cannot be watched, so they are polled. */
const LOOK_AGAIN_MS = 2000;
/** Within this time of the boot, routers announce themselves or are asked. */
const SETTLED_S = 120;

/** The machine's connection to the network: a lease, an address that a router announced, or both. */
export interface Uplink {
  readonly link: string;
  readonly mac: string;
  readonly lease: Lease | undefined;
  /** At most one of each family, without prefix length. */
  readonly addresses: readonly string[];
  /** Seconds of CLOCK_BOOTTIME at which it came up. */
  readonly up: number;
}

async function readAddress(
  settings: Settings,
  lease: Lease | undefined,
): Promise<LinkAddress | undefined> {
  const { procNet, etc } = settings;
  const table = async (name: string): Promise<string> =>
    (await readIfThere(path.join(procNet, name))) ?? '';
  const tables = { addresses: await table('if_inet6'), routes: await table('ipv6_route') };
  const kept = ((await readIfThere(path.join(etc, 'kubernetes/node-ip'))) ?? '').trim().split(',');
  const routed = routedAddress(tables, kept);
  if (routed !== undefined || lease !== undefined) return routed;
  // Beside IPv4 a router often announces a prefix for the site alone, which is not to stand in for a late lease.
  const mayHaveIpv4 = (await isSettling()) || kept.some((each) => each.includes('.'));
  const isAlone = !(await hasIpv4(settings)) || !mayHaveIpv4;
  return isAlone ? announcedAddress(tables, kept) : undefined;
}

/** Returns whether the network file, if there is one, has IPv4 for any link. */
async function hasIpv4({ run }: Settings): Promise<boolean> {
  const file = path.join(run, 'net/network.status');
  const status = await readStateIfThere(NetworkStatus, file).catch(() => undefined);
  return status?.ipv4 !== false;
}

const macOf = async ({ sysfs }: Settings, link: string): Promise<string> =>
  ((await readIfThere(path.join(sysfs, 'class/net', link, 'address'))) ?? '').trim();

/** Reads the uplink; undefined while there is none. */
export async function readUplink(settings: Settings): Promise<Uplink | undefined> {
  const lease = await readPrimaryLease(settings);
  const routed = await readAddress(settings, lease);
  const v6 = routed === undefined ? [] : [routed.address];
  if (lease !== undefined) {
    const addresses = [lease.address.replace(/\/.*/, ''), ...v6];
    return { link: lease.if, mac: lease.mac, lease, addresses, up: lease.acquired.boot };
  }
  if (routed === undefined) return undefined;
  const { link } = routed;
  const mac = await macOf(settings, link);
  return { link, mac, lease, addresses: v6, up: await bootSeconds() };
}

/** Returns whether the boot is so young that a missing address may still appear. */
export async function isSettling(): Promise<boolean> {
  return (await bootSeconds()) < SETTLED_S;
}

const secondsBetween = (first: Uplink | undefined, now: Uplink): number =>
  now.up - (first ?? now).up;

/** Returns how long a lease is waited for where a router has announced IPv6. */
const graceOf = async (settings: Settings): Promise<number> =>
  (await hasIpv4(settings)) ? settings.leaseGraceSeconds : 0;

/** Waits for a lease, or until a network with IPv6 routers has given none for `--lease-grace`. */
export async function waitForUplink(
  settings: Settings,
  log: Logger,
  signal: AbortSignal,
): Promise<Uplink> {
  const dir = path.join(settings.run, 'net');
  using changes = new DirectoryWatch([dir]);
  let first: Uplink | undefined;
  for (let waited = false; ; waited = true) {
    const uplink = await readUplink(settings);
    if (uplink?.lease !== undefined) return uplink;
    first = uplink && (first ?? uplink);
    if (uplink !== undefined && secondsBetween(first, uplink) >= (await graceOf(settings))) {
      const { link, addresses } = uplink;
      log.info({ ev: 'lease.none', link, addresses, console: true });
      return uplink;
    }
    if (!waited) {
      for (const err of (await readLeases(dir)).errors) log.warn({ ev: 'lease.unreadable', err });
      log.info({ ev: 'lease.wait' });
    }
    await changes.wait(LOOK_AGAIN_MS, signal);
  }
}
