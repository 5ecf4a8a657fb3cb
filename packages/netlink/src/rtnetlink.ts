import { openNetlink } from '@kios/syscall';

import { type Address, decodeAddress, encodeAddress } from './address.ts';
import { Conversation, notifications } from './conversation.ts';
import { decodeLink, encodeLinkChange, type Link, type LinkChange } from './link.ts';
import { type Message, NLM_F } from './message.ts';
import { decodeRoute, encodeRoute, type Route } from './route.ts';

const NETLINK_ROUTE = 0;
const RTM = {
  newLink: 16,
  deleteLink: 17,
  getLink: 18,
  setLink: 19,
  newAddress: 20,
  deleteAddress: 21,
  getAddress: 22,
  newRoute: 24,
  deleteRoute: 25,
  getRoute: 26,
} as const;
/** Multicast groups by the kind of object they report. */
const GROUP = { link: 1, address: 5, route: 7 } as const;
export type Kind = keyof typeof GROUP;
const AF_UNSPEC = 0;
const AF_INET = 2;

/** A change in the kernel's network state. `overrun` means that some were lost and a new dump is due. */
export type NetworkEvent =
  | { readonly tag: 'link'; readonly gone: boolean; readonly link: Link }
  | { readonly tag: 'address'; readonly gone: boolean; readonly address: Address }
  | { readonly tag: 'route'; readonly gone: boolean; readonly route: Route }
  | { readonly tag: 'overrun' };

/** Access to the kernel's links, IPv4 addresses and IPv4 routes of the main table. */
export interface Rtnetlink {
  links(): Promise<Link[]>;
  addresses(): Promise<Address[]>;
  routes(): Promise<Route[]>;
  changeLink(index: number, change: LinkChange): Promise<void>;
  /** Adds the address or updates its lifetimes. */
  replaceAddress(address: Address): Promise<void>;
  deleteAddress(address: Address): Promise<void>;
  /** Adds the route or replaces the one with the same destination and metric. */
  replaceRoute(route: Route): Promise<void>;
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

  async addresses(): Promise<Address[]> {
    const header = Uint8Array.of(AF_INET, 0, 0, 0, 0, 0, 0, 0);
    const messages = await this.#conversation.dump(RTM.getAddress, header, 'list addresses');
    return messages
      .map(({ payload }) => decodeAddress(payload))
      .filter((each) => each !== undefined);
  }

  async routes(): Promise<Route[]> {
    const header = Uint8Array.of(AF_INET, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    const messages = await this.#conversation.dump(RTM.getRoute, header, 'list routes');
    return messages.map(({ payload }) => decodeRoute(payload)).filter((each) => each !== undefined);
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

  replaceRoute(route: Route): Promise<void> {
    const flags = NLM_F.create | NLM_F.replace;
    const attempt = `set route ${describeRoute(route)}`;
    return this.#conversation.execute(RTM.newRoute, flags, encodeRoute(route), attempt);
  }

  deleteRoute(route: Route): Promise<void> {
    const attempt = `delete route ${describeRoute(route)}`;
    return this.#conversation.execute(RTM.deleteRoute, 0, encodeRoute(route), attempt);
  }

  events(signal: AbortSignal, kinds: readonly Kind[]): AsyncIterable<NetworkEvent> {
    const groups = kinds.map((kind) => GROUP[kind]);
    return follow(openNetlink(NETLINK_ROUTE, groups), signal);
  }

  close(): void {
    this.#conversation.close();
  }
}

async function* follow(
  channel: ReturnType<typeof openNetlink>,
  signal: AbortSignal,
): AsyncGenerator<NetworkEvent> {
  using open = channel;
  for await (const messages of notifications(open, signal)) {
    if (messages === 'overrun') yield { tag: 'overrun' };
    else yield* messages.flatMap((message) => decodeNotification(message) ?? []);
  }
}

/** Decodes a notification; undefined for kinds and families that are not followed. */
export function decodeNotification({ type, payload }: Message): NetworkEvent | undefined {
  switch (type) {
    case RTM.newLink:
    case RTM.deleteLink:
      // A bridge reports its ports in the same messages: a port that leaves is not a link that is gone.
      if (payload[0] !== AF_UNSPEC) return undefined;
      return { tag: 'link', gone: type === RTM.deleteLink, link: decodeLink(payload) };
    case RTM.newAddress:
    case RTM.deleteAddress: {
      const address = decodeAddress(payload);
      return address && { tag: 'address', gone: type === RTM.deleteAddress, address };
    }
    case RTM.newRoute:
    case RTM.deleteRoute: {
      const route = decodeRoute(payload);
      return route && { tag: 'route', gone: type === RTM.deleteRoute, route };
    }
    default:
      return undefined;
  }
}

function describeRoute({ dst, via, ifindex }: Route): string {
  return `${dst}${via === undefined ? '' : ` via ${via}`} on link ${ifindex}`;
}
