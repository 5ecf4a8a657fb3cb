import type { Link } from '@kios/netlink';

import type { Effect, Event, Input, Policy } from '../../src/core/client/model.ts';
import type { Reply } from '../../src/core/client/replies.ts';
import type { Identity } from '../../src/core/client/requests.ts';
import type { PlanPolicy } from '../../src/core/kernel/present.ts';
import { type DhcpMessage, OP } from '../../src/core/wire/message.ts';
import { entry, OPTIONS, OptionSet, TYPE } from '../../src/core/wire/options.ts';

/** The hardware address of another host. */
export const OTHER = '02:00:00:00:00:66';
export const SERVER_MAC = '02:00:00:00:00:53';
export const GATEWAY_MAC = '02:00:00:00:00:fe';
export const MAC = '02:00:00:00:00:01';
export const SERVER = '10.0.0.1';
export const ADDRESS = '10.0.0.5';

/** An ordinary network card with a carrier. */
export const LINK: Link = {
  index: 2,
  name: 'eth0',
  type: 1,
  mac: MAC,
  up: true,
  carrier: true,
  mtu: 1500,
  maxMtu: 9000,
  master: undefined,
  kind: undefined,
};
export const POLICY: PlanPolicy = {
  metric: 100,
  onExpire: 'keep',
  routes: true,
  mtu: true,
  mtuOnRoutes: false,
  ipv4llMetadata: false,
};

export const WHO: Identity = {
  mac: MAC,
  clientId: Uint8Array.of(1, 2, 0, 0, 0, 0, 1),
  hostname: undefined,
  wantsHostname: true,
  maxMessageSize: 1500,
  extraOptions: [],
  sent: [],
};

/** Without conflict detection, so that a test sees DHCP alone. */
export const KEEP: Policy = {
  identity: WHO,
  onExpire: 'keep',
  arp: 'none',
  rapidCommit: true,
  broadcast: false,
  offerWindowMs: 0,
  startupJitterSeconds: 0,
  minLeaseSeconds: 60,
  fallbackLeaseSeconds: 0,
  ipv6Mostly: false,
  strictRfc: false,
  allowServers: [],
  denyServers: [],
};
export const DROP: Policy = { ...KEEP, onExpire: 'drop' };

type Entry = readonly [code: number, value: Uint8Array];

/** The options of an ordinary grant: an hour, a /24, a router. */
export const GRANT: readonly Entry[] = [
  entry(OPTIONS.serverId, SERVER),
  entry(OPTIONS.leaseTime, 3600),
  entry(OPTIONS.subnetMask, '255.255.255.0'),
  entry(OPTIONS.routers, [SERVER]),
];

export function message(
  type: number,
  options: readonly Entry[],
  fields: Partial<DhcpMessage> = {},
): DhcpMessage {
  return {
    op: OP.reply,
    xid: 1,
    secs: 0,
    broadcast: false,
    ciaddr: '0.0.0.0',
    yiaddr: ADDRESS,
    siaddr: '0.0.0.0',
    giaddr: '0.0.0.0',
    chaddr: MAC,
    options: new OptionSet([entry(OPTIONS.messageType, type), ...options]),
    ...fields,
  };
}

export function reply(
  kind: Reply['kind'],
  options: readonly Entry[] = GRANT,
  fields: Partial<DhcpMessage> = {},
): Input {
  const answer = message(TYPE[kind], options, fields);
  return { tag: 'reply', reply: { kind, message: answer, source: SERVER, sourceMac: SERVER_MAC } };
}

/** An event with fixed entropy. */
export const at = (now: number, input: Input, xid = 1): Event => ({
  ...input,
  now,
  xid,
  jitter: 0.5,
});

export const tags = (effects: readonly Effect[]): string[] =>
  effects.map((effect) => (effect.tag === 'report' ? effect.ev : effect.tag));

export function sent(effects: readonly Effect[]): DhcpMessage {
  const send = effects.find((effect) => effect.tag === 'send');
  if (send === undefined) throw new Error(`nothing sent: ${tags(effects).join(', ')}`);
  return send.message;
}

/** Another host's ARP reply, which claims an address. */
export const claim = (address: string, mac = OTHER): Input => ({
  tag: 'arp',
  packet: {
    operation: 'reply',
    senderMac: mac,
    sender: address,
    targetMac: MAC,
    target: '0.0.0.0',
  },
});

/** The ARP packets among effects, as `sender>target`. */
export const arps = (effects: readonly Effect[]): string[] =>
  effects.flatMap((effect) =>
    effect.tag === 'arp' ? [`${effect.packet.sender}>${effect.packet.target}`] : [],
  );
