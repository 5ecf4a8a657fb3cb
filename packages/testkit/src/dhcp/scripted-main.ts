import { createSocket } from 'node:dgram';

import { parseRules, type Reply, type Rule } from './rules.ts';
import {
  type DhcpPacket,
  optionOf,
  readPacket,
  typeName,
  TYPE_NAMES,
  writePacket,
} from './wire.ts';

/**
 * A DHCP server that follows rules, given as JSON. The first rule that matches a message replies; its name is printed.
 */

const UNSPECIFIED = '0.0.0.0';
const BROADCAST = '255.255.255.255';
const PORT = { server: 67, client: 68 };

const rules = parseRules(process.argv[2] ?? '[]');
const used = rules.map(() => 0);
const say = (line: object): boolean => process.stdout.write(`${JSON.stringify(line)}\n`);

const asks = (packet: DhcpPacket, code: number): boolean =>
  Buffer.from(optionOf(packet, 55) ?? '', 'hex').includes(code);

type Condition = Rule['when'] & {};

/** One check for each property of a condition; an absent property matches any message. */
const CONDITIONS: readonly ((packet: DhcpPacket, when: Condition) => boolean)[] = [
  (packet, { asks: code }) => code === undefined || asks(packet, code),
  (packet, { asksNot: code }) => code === undefined || !asks(packet, code),
  (packet, { has: code }) => code === undefined || optionOf(packet, code) !== undefined,
  (packet, { hasNot: code }) => code === undefined || optionOf(packet, code) === undefined,
  ({ ciaddr }, { extending }) => extending === undefined || extending === (ciaddr !== UNSPECIFIED),
];

function fits({ on, when = {}, times = Infinity }: Rule, index: number, packet: DhcpPacket) {
  if (on !== typeName(packet) || (used[index] ?? 0) >= times) return false;
  return CONDITIONS.every((holds) => holds(packet, when));
}

function answer(packet: DhcpPacket, reply: Reply): void {
  const type: [number, string] = [
    53,
    (TYPE_NAMES.indexOf(reply.type) + 1).toString(16).padStart(2, '0'),
  ];
  const bytes = writePacket({
    op: 2,
    xid: (packet.xid + (reply.xidOffset ?? 0)) >>> 0,
    secs: 0,
    flags: packet.flags,
    ciaddr: packet.ciaddr,
    yiaddr: reply.yiaddr ?? UNSPECIFIED,
    siaddr: reply.siaddr ?? UNSPECIFIED,
    giaddr: UNSPECIFIED,
    chaddr: reply.chaddr ?? packet.chaddr,
    options: [...(reply.noType === true ? [] : [type]), ...reply.options],
  });
  const unicast = packet.ciaddr !== UNSPECIFIED && reply.broadcast !== true;
  socket.send(bytes, PORT.client, unicast ? packet.ciaddr : BROADCAST);
}

const socket = createSocket('udp4');
socket.on('message', (bytes) => {
  const packet = readPacket(bytes);
  if (packet === undefined) return;
  const index = rules.findIndex((rule, at) => fits(rule, at, packet));
  const rule = rules[index];
  say({ received: typeName(packet), rule: rule === undefined ? null : (rule.name ?? index) });
  if (rule === undefined) return;
  used[index] = (used[index] ?? 0) + 1;
  for (const reply of rule.reply) answer(packet, reply);
});
socket.bind(PORT.server, () => {
  socket.setBroadcast(true);
  say({ listening: PORT.server });
});
