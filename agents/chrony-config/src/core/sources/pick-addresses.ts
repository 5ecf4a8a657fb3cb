/** A pool has many addresses; this many of each family are enough for a node. */
const MAX_ADDRESSES = 4;

/** Picks the sources that a host name stands for, in an order that does not depend on the name server's rotation. */
export function pickAddresses(found: {
  readonly ipv4: readonly string[];
  readonly ipv6: readonly string[];
}): string[] {
  return [found.ipv4, found.ipv6].flatMap((each) => each.toSorted().slice(0, MAX_ADDRESSES));
}
