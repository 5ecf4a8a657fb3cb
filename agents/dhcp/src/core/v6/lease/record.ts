import { Lease6 as Lease6Record } from '@kios/node-state';

import type { Clocks } from '../../client/record.ts';
import type { Millis } from '../../client/timing.ts';
import type { Lease6 } from './lease.ts';
import type { OtherConfig } from './other-config.ts';

export interface Where6 {
  readonly link: string;
  readonly mac: string;
  readonly bootId: string;
  readonly clocks: Clocks;
}

const toSeconds = (time: Millis): number | null => (time === Infinity ? null : time / 1000);

/** Returns what other programs and the next instance read: a lease, or configuration alone. */
export function toRecord6(
  lease: Lease6 | undefined,
  { dns, search, ntp }: OtherConfig,
  { link, mac, bootId, clocks }: Where6,
): Lease6Record {
  return {
    v: 1,
    if: link,
    mac,
    state: lease === undefined ? 'informed' : 'bound',
    bootId,
    written: { boot: clocks.now / 1000, wall: new Date(clocks.wall).toISOString() },
    ...(lease === undefined ? {} : { server: lease.server }),
    addresses: (lease?.addresses ?? []).map(({ address, preferredUntil, validUntil }) => ({
      address,
      preferredUntil: toSeconds(preferredUntil),
      validUntil: toSeconds(validUntil),
    })),
    t1: lease === undefined ? null : toSeconds(lease.t1At),
    t2: lease === undefined ? null : toSeconds(lease.t2At),
    dns: [...dns],
    search: [...search],
    ntp: [...ntp],
  };
}

/**
 * Returns the lease of a record; undefined when nothing of it is valid. The times of another boot are moved by what the
 * wall clock says has passed, and never prolonged when that clock went back.
 */
export function fromRecord6(
  record: Lease6Record,
  bootId: string,
  { now, wall }: Clocks,
): Lease6 | undefined {
  const { server, dns, search, ntp } = record;
  if (server === undefined) return undefined;
  const passed = Math.max(0, wall - Date.parse(record.written.wall));
  const shift = record.bootId === bootId ? 0 : now - record.written.boot * 1000 - passed;
  const toTime = (seconds: number | null): Millis =>
    seconds === null ? Infinity : seconds * 1000 + shift;
  const addresses = record.addresses
    .map(({ address, preferredUntil, validUntil }) => ({
      address,
      preferredUntil: toTime(preferredUntil),
      validUntil: toTime(validUntil),
    }))
    .filter(({ validUntil }) => validUntil > now);
  if (addresses.length === 0) return undefined;
  const [t1At, t2At] = [toTime(record.t1), toTime(record.t2)];
  return { server, addresses, t1At, t2At, config: { dns, search, ntp } };
}
