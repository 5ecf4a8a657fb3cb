import path from 'node:path';

import { DirectoryWatch, type Logger, readIfThere } from '@kios/agent';
import { type Lease, readLeases } from '@kios/node-state';

import { type LinkAddress, routedAddress } from '../../core/node/ipv6.ts';
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

async function readRouted({ procNet, etc }: Settings): Promise<LinkAddress | undefined> {
  const table = async (name: string): Promise<string> =>
    (await readIfThere(path.join(procNet, name))) ?? '';
  const kept = (await readIfThere(path.join(etc, 'kubernetes/node-ip'))) ?? '';
  return routedAddress(await table('if_inet6'), await table('ipv6_route'), kept.trim().split(','));
}

const macOf = async ({ sysfs }: Settings, link: string): Promise<string> =>
  ((await readIfThere(path.join(sysfs, 'class/net', link, 'address'))) ?? '').trim();

/** Reads the uplink; undefined while there is none. */
export async function readUplink(settings: Settings): Promise<Uplink | undefined> {
  const lease = await readPrimaryLease(settings);
  const routed = await readRouted(settings);
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
    if (uplink !== undefined && secondsBetween(first, uplink) >= settings.leaseGraceSeconds) {
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
