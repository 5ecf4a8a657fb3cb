import { FOREVER } from '@kios/netlink';

import type { Millis } from '../../client/timing.ts';
import { OURS } from '../../kernel/present.ts';
import type { Lease6 } from '../lease/lease.ts';

const HOST_PREFIX = 128;
/** Seconds by which equal lifetimes may differ: they count down between two reads. */
const SAME_LIFETIME = 2;

/** An IPv6 address of a link, as the kernel has it or shall have it. */
export interface Address6 {
  readonly ifindex: number;
  readonly address: string;
  readonly prefix: number;
  readonly protocol: number;
  /** The kernel makes no route to the prefix: which prefixes are on the link is said by routers. RFC 5942 §4. */
  readonly noPrefixRoute: boolean;
  readonly preferredSeconds: number;
  readonly validSeconds: number;
}

export type Change6 =
  | { readonly tag: 'set-address'; readonly address: Address6 }
  | { readonly tag: 'delete-address'; readonly address: Address6 };

/**
 * Returns the changes that bring a link's addresses from `present` to the lease; without a lease ours go. Nothing
 * without our mark is changed, and there are no routes: those are the routers'.
 */
export function planLease6(
  lease: Lease6 | undefined,
  ifindex: number,
  present: readonly Address6[],
  now: Millis,
): Change6[] {
  const wanted = lease === undefined ? [] : wantedAddresses(lease, ifindex, now);
  const ours = present.filter((each) => each.ifindex === ifindex && each.protocol === OURS);
  return [
    ...wanted
      .filter((address) => !ours.some((each) => isSame(each, address)))
      .map((address) => ({ tag: 'set-address', address }) as const),
    ...ours
      .filter(({ address }) => !wanted.some((each) => each.address === address))
      .map((address) => ({ tag: 'delete-address', address }) as const),
  ];
}

function wantedAddresses({ addresses }: Lease6, ifindex: number, now: Millis): Address6[] {
  // Rounded down: the kernel must not use an address for longer than the server said.
  const seconds = (until: Millis): number =>
    until === Infinity ? FOREVER : Math.max(0, Math.floor((until - now) / 1000));
  return addresses
    .map(({ address, preferredUntil, validUntil }) => ({
      ifindex,
      address,
      prefix: HOST_PREFIX,
      protocol: OURS,
      noPrefixRoute: true,
      preferredSeconds: seconds(preferredUntil),
      validSeconds: seconds(validUntil),
    }))
    .filter(({ validSeconds }) => validSeconds > 0);
}

/** The prefix length does not count: the kernel keeps that of an address that there is, whatever is set later. */
const isSame = (a: Address6, b: Address6): boolean =>
  a.address === b.address &&
  Math.abs(a.preferredSeconds - b.preferredSeconds) <= SAME_LIFETIME &&
  Math.abs(a.validSeconds - b.validSeconds) <= SAME_LIFETIME;
