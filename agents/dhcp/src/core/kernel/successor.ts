import type { Link } from '@kios/netlink';

/** Kinds of links that take over the address of a link that is put into them. */
const TAKERS: ReadonlySet<string | undefined> = new Set(['bridge', 'bond', 'team', 'openvswitch']);

export const isTaker = ({ kind }: Link): boolean => TAKERS.has(kind);

/**
 * Returns the link to which a lease goes when its link is put into a bridge, bond or switch: the one above it, with its
 * hardware address, by which servers know it. The port of Open vSwitch that stands for the host is beside the others,
 * and only the address tells which it is.
 */
export function successorOf(link: Link, links: readonly Link[]): Link | undefined {
  const master = links.find(({ index }) => index === link.master);
  const isSwitched = master?.kind === 'openvswitch';
  return links.find(
    (each) =>
      each.index !== link.index &&
      each.mac === link.mac &&
      isTaker(each) &&
      each.master === undefined &&
      (each.index === link.master || (isSwitched && each.kind === 'openvswitch')),
  );
}
