import { openNetlink } from '@kios/syscall';

import { type Address, decodeAddress, encodeAddress } from './address.ts';
import { Conversation } from './conversation.ts';
import { type Kind, NETLINK_ROUTE, type NetworkEvent, networkEvents } from './events.ts';
import { AF, type Family, familyOf } from './family.ts';
import { decodeLink, encodeLinkChange, type Link, type LinkChange } from './link.ts';
import { type Message, NLM_F } from './message.ts';
import { decodeRoute, encodeRoute, isMain, type Route } from './route.ts';

const RTM = {
  getLink: 18,
  setLink: 19,
  newAddress: 20,
  deleteAddress: 21,
  getAddress: 22,
  newRoute: 24,
  deleteRoute: 25,
  getRoute: 26,
} as const;

/** Access to the kernel's links, addresses and routes. Lists are those of IPv4 unless another family is named. */
export interface Rtnetlink {
  links(): Promise<Link[]>;
  addresses(family?: Family): Promise<Address[]>;
  /** Lists the unicast routes of the main table. */
  routes(family?: Family): Promise<Route[]>;
  /** Lists the routes of all tables and types, the kernel's own among them. */
  allRoutes(family: Family): Promise<Route[]>;
  changeLink(index: number, change: LinkChange): Promise<void>;
  /** Adds the address or updates its lifetimes, flags, metric and maker. Label and prefix length stay as they are. */
  replaceAddress(address: Address): Promise<void>;
  deleteAddress(address: Address): Promise<void>;
  /**
   * Adds the route. Fails with EEXIST if its table has one with the same destination and metric, unless it may be
   * `beside` that one: then the caller has to know that the kernel does not make one route of the two.
   */
  addRoute(route: Route, beside?: boolean): Promise<void>;
  /**
   * Adds the route or replaces the one with the same table, destination and metric, whoever made it. Of several the
   * kernel replaces the first.
   */
  replaceRoute(route: Route): Promise<void>;
  /** Deletes the route that is equal in everything that is given. Of IPv4, a metric of 0 is any. */
  deleteRoute(route: Route): Promise<void>;
  /** Yields changes. The subscription exists when this returns, so a later dump misses nothing. */
  events(signal: AbortSignal, kinds: readonly Kind[]): AsyncIterable<NetworkEvent>;
  close(): void;
}

/** Opens rtnetlink in this network namespace. Changes need CAP_NET_ADMIN. */
export function openRtnetlink(): Rtnetlink {
  return new KernelRtnetlink();
}

class KernelRtnetlink implements Rtnetlink {
  readonly #conversation = new Conversation(openNetlink(NETLINK_ROUTE, []));

  async links(): Promise<Link[]> {
    const messages = await this.#conversation.dump(RTM.getLink, new Uint8Array(16), 'list links');
    return messages.map(({ payload }) => decodeLink(payload));
  }

  async addresses(family: Family = 'ipv4'): Promise<Address[]> {
    const header = Uint8Array.of(AF[family], 0, 0, 0, 0, 0, 0, 0);
    const messages = await this.#conversation.dump(RTM.getAddress, header, 'list addresses');
    return ofFamily(family, messages, decodeAddress, ({ address }) => address);
  }

  async routes(family: Family = 'ipv4'): Promise<Route[]> {
    return (await this.allRoutes(family)).filter(isMain);
  }

  async allRoutes(family: Family): Promise<Route[]> {
    const header = Uint8Array.of(AF[family], 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    const messages = await this.#conversation.dump(RTM.getRoute, header, 'list routes');
    return ofFamily(family, messages, decodeRoute, ({ dst }) => dst);
  }

  changeLink(index: number, change: LinkChange): Promise<void> {
    const what = Object.keys(change).join(', ');
    const payload = encodeLinkChange(index, change);
    return this.#conversation.execute(RTM.setLink, 0, payload, `set ${what} of link ${index}`);
  }

  replaceAddress(address: Address): Promise<void> {
    const flags = NLM_F.create | NLM_F.replace;
    const attempt = `set address ${address.address}/${address.prefix} on link ${address.ifindex}`;
    return this.#conversation.execute(RTM.newAddress, flags, encodeAddress(address), attempt);
  }

  deleteAddress(address: Address): Promise<void> {
    const attempt = `delete address ${address.address} of link ${address.ifindex}`;
    return this.#conversation.execute(RTM.deleteAddress, 0, encodeAddress(address), attempt);
  }

  addRoute(route: Route, beside = false): Promise<void> {
    return this.#setRoute(route, beside ? NLM_F.append : NLM_F.exclusive, 'add');
  }

  replaceRoute(route: Route): Promise<void> {
    return this.#setRoute(route, NLM_F.replace, 'set');
  }

  #setRoute(route: Route, flag: number, verb: string): Promise<void> {
    const attempt = `${verb} route ${describeRoute(route)}`;
    return this.#conversation.execute(
      RTM.newRoute,
      NLM_F.create | flag,
      encodeRoute(route),
      attempt,
    );
  }

  deleteRoute(route: Route): Promise<void> {
    const attempt = `delete route ${describeRoute(route)}`;
    return this.#conversation.execute(RTM.deleteRoute, 0, encodeRoute(route), attempt);
  }

  events(signal: AbortSignal, kinds: readonly Kind[]): AsyncIterable<NetworkEvent> {
    return networkEvents(signal, kinds);
  }

  close(): void {
    this.#conversation.close();
  }
}

/** A kernel without a family lists those that it has. */
function ofFamily<Item>(
  family: Family,
  messages: readonly Message[],
  decode: (payload: Uint8Array) => Item | undefined,
  textOf: (item: Item) => string,
): Item[] {
  return messages
    .map(({ payload }) => decode(payload))
    .filter((item) => item !== undefined)
    .filter((item) => familyOf(textOf(item)) === family);
}

function describeRoute({ type, dst, via, ifindex, table }: Route): string {
  const words = [type, dst, via && `via ${via}`, ifindex && `on link ${ifindex}`];
  return [...words, table && `in table ${table}`].filter(Boolean).join(' ');
}
