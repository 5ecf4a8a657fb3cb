import { ByteReader, formatIpv6 } from '@kios/bytes';
import { type Channel, openNetlink } from '@kios/syscall';

import { Conversation, notifications } from './conversation.ts';
import { decodeAttributes, type Message, u32Of } from './message.ts';

const NETLINK_ROUTE = 0;
const RTM = { newLink: 16, getLink: 18, newRouterOptions: 68 } as const;
/** RTNLGRP_IPV6_IFINFO and RTNLGRP_ND_USEROPT. */
const GROUPS = [12, 20] as const;
const AF_INET6 = 10;
const IFLA_PROTINFO = 12;
const IFLA_INET6_FLAGS = 1;
/** IF_RA_*: include/net/if_inet6.h. */
const FLAG = { received: 0x20, managed: 0x40, other: 0x80 } as const;
const ROUTER_ADVERTISEMENT = 134;
const SOURCE = 1;

/** What the last router announcement said that the kernel heeded on a link. */
export interface RouterFlags {
  readonly ifindex: number;
  /** One was received since the link came up. */
  readonly received: boolean;
  /** Addresses are had from DHCPv6. */
  readonly managed: boolean;
  /** Other configuration is had from DHCPv6. */
  readonly other: boolean;
}

/** An option of a router announcement that the kernel leaves to programs, as it came. */
export interface RouterOptionBytes {
  readonly ifindex: number;
  /** The router's link-local address. */
  readonly router: string;
  readonly options: Uint8Array;
}

/** `overrun` means that some were lost: flags are to be listed anew, and routers to be asked again. */
export type RouterEvent =
  | { readonly tag: 'flags'; readonly flags: RouterFlags }
  | { readonly tag: 'options'; readonly said: RouterOptionBytes }
  | { readonly tag: 'overrun' };

/** What routers announce, of which the kernel tells programs only a part. */
export interface Routers extends Disposable {
  flags(): Promise<RouterFlags[]>;
  /** Yields what comes after `openRouters`. */
  events(signal: AbortSignal): AsyncIterable<RouterEvent>;
}

/** Subscribes at once, so that nothing after this call is missed. */
export function openRouters(): Routers {
  const channel = openNetlink(NETLINK_ROUTE, GROUPS);
  const conversation = new Conversation(openNetlink(NETLINK_ROUTE, []));
  return {
    flags: async () => {
      const header = new Uint8Array(16);
      header[0] = AF_INET6;
      const found = await conversation.dump(RTM.getLink, header, 'list links of IPv6');
      return found.map(({ payload }) => decodeFlags(payload)).filter((each) => each !== undefined);
    },
    events: (signal) => follow(channel, signal),
    [Symbol.dispose]: () => {
      channel.close();
      conversation.close();
    },
  };
}

async function* follow(channel: Channel, signal: AbortSignal): AsyncGenerator<RouterEvent> {
  for await (const messages of notifications(channel, signal)) {
    if (messages === 'overrun') yield { tag: 'overrun' };
    else yield* messages.flatMap((message) => decodeRouterEvent(message) ?? []);
  }
}

/** Decodes a notification; undefined for those that no router caused. */
export function decodeRouterEvent({ type, payload }: Message): RouterEvent | undefined {
  if (type === RTM.newLink) {
    const flags = decodeFlags(payload);
    return flags && { tag: 'flags', flags };
  }
  const said = type === RTM.newRouterOptions ? decodeOptions(payload) : undefined;
  return said && { tag: 'options', said };
}

function decodeFlags(payload: Uint8Array): RouterFlags | undefined {
  const reader = new ByteReader(payload);
  if (reader.u8() !== AF_INET6) return undefined;
  reader.skip(3);
  const ifindex = reader.u32le();
  reader.skip(8);
  const protocol = decodeAttributes(reader.rest()).get(IFLA_PROTINFO);
  const flags = protocol && u32Of(decodeAttributes(protocol), IFLA_INET6_FLAGS);
  if (flags === undefined) return undefined;
  return {
    ifindex,
    received: (flags & FLAG.received) !== 0,
    managed: (flags & FLAG.managed) !== 0,
    other: (flags & FLAG.other) !== 0,
  };
}

/** Decodes `struct nduseroptmsg`, the options behind it, and the router's address. */
function decodeOptions(payload: Uint8Array): RouterOptionBytes | undefined {
  const reader = new ByteReader(payload);
  if (reader.u8() !== AF_INET6) return undefined;
  reader.skip(1);
  const length = reader.u16le();
  const ifindex = reader.u32le();
  const type = reader.u8();
  reader.skip(7);
  const options = reader.bytes(length);
  const source = decodeAttributes(reader.rest()).get(SOURCE);
  if (type !== ROUTER_ADVERTISEMENT || source === undefined) return undefined;
  return { ifindex, router: formatIpv6(source), options };
}
