import { openNetlink } from '@kios/syscall';

import { type Address, decodeAddress } from './address.ts';
import { notifications } from './conversation.ts';
import { decodeLink, type Link } from './link.ts';
import type { Message } from './message.ts';
import { decodeRoute, type Route } from './route.ts';

export const NETLINK_ROUTE = 0;
const RTM = {
  newLink: 16,
  deleteLink: 17,
  newAddress: 20,
  deleteAddress: 21,
  newRoute: 24,
  deleteRoute: 25,
} as const;
/** Each is one above that of the addition. */
const DELETIONS: readonly number[] = [RTM.deleteLink, RTM.deleteAddress, RTM.deleteRoute];
/** Multicast groups by the kind of object they report. `address` and `route` are those of IPv4. */
const GROUP = { link: 1, address: 5, route: 7, address6: 9, route6: 11 } as const;
export type Kind = keyof typeof GROUP;
const AF_UNSPEC = 0;

/** A change in the kernel's network state. `overrun` means that some were lost and a new dump is due. */
export type NetworkEvent =
  | { readonly tag: 'link'; readonly gone: boolean; readonly link: Link }
  | { readonly tag: 'address'; readonly gone: boolean; readonly address: Address }
  /** Of any table and type. */
  | { readonly tag: 'route'; readonly gone: boolean; readonly route: Route }
  | { readonly tag: 'overrun' };

/** Yields changes. The subscription exists when this returns, so a later dump misses nothing. */
export function networkEvents(
  signal: AbortSignal,
  kinds: readonly Kind[],
): AsyncIterable<NetworkEvent> {
  const groups = kinds.map((kind) => GROUP[kind]);
  return follow(openNetlink(NETLINK_ROUTE, groups), signal);
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
  const gone = DELETIONS.includes(type);
  switch (gone ? type - 1 : type) {
    case RTM.newLink:
      // A bridge reports its ports in the same messages: a port that leaves is not a link that is gone.
      if (payload[0] !== AF_UNSPEC) return undefined;
      return { tag: 'link', gone, link: decodeLink(payload) };
    case RTM.newAddress: {
      const address = decodeAddress(payload);
      return address && { tag: 'address', gone, address };
    }
    case RTM.newRoute: {
      const route = decodeRoute(payload);
      return route && { tag: 'route', gone, route };
    }
    default:
      return undefined;
  }
}
