import { ADDRESS_FLAG, type Address, type Link, type NetworkEvent, SCOPE } from '@kios/netlink';

/** The carriers of links that were seen, by the links' numbers. */
export type Carriers = ReadonlyMap<number, boolean>;

/** A port of a bridge or bond is no way by itself: its master is. */
const isWay = ({ up, carrier, master }: Link): boolean => up && carrier && master === undefined;

/** Returns the carriers after an event. */
export function carriersAfter(before: Carriers, event: NetworkEvent): Carriers {
  if (event.tag !== 'link') return before;
  const after = new Map(before);
  if (event.gone) after.delete(event.link.index);
  else after.set(event.link.index, isWay(event.link));
  return after;
}

/** An address that another host may still turn out to have is not used yet. */
const isUsed = ({ scope, flags = 0 }: Address): boolean =>
  scope === SCOPE.universe && (flags & ADDRESS_FLAG.tentative) === 0;

/**
 * Returns whether an event may open a way to time servers that had none: a link gets its carrier, an address that is
 * not of the link alone, or a default route. Pods come and go without one of these.
 */
export function opensWay(event: NetworkEvent, before: Carriers): boolean {
  switch (event.tag) {
    case 'overrun':
      return true;
    case 'link':
      return !event.gone && isWay(event.link) && before.get(event.link.index) !== true;
    case 'address':
      return !event.gone && isUsed(event.address);
    case 'route':
      return !event.gone && /^(?:0\.0\.0\.0|::)\/0$/.test(event.route.dst);
  }
}
