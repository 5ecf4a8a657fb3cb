import { describe, expect, it } from 'vitest';

import type { Input, Policy } from '../../src/core/client/model.ts';
import type { DhcpMessage } from '../../src/core/wire/message.ts';
import { entry, OPTIONS, TYPE } from '../../src/core/wire/options.ts';
import { claim, DROP, GRANT, KEEP, reply, SERVER } from '../support/fixtures.ts';
import { type Attacker, besiege } from '../support/siege.ts';

const NAK = reply('nak', [entry(OPTIONS.serverId, SERVER)]);
const SECOND_LEASE = [
  entry(OPTIONS.leaseTime, 1),
  entry(OPTIONS.renewalTime, 1),
  entry(OPTIONS.rebindingTime, 1),
] as const;

const answering =
  (answer: (message: DhcpMessage) => Input): Attacker =>
  (effect) =>
    effect.tag === 'send' ? [answer(effect.message)] : [];

/** Offers or grants with these options, which override the usual ones. */
function grant(
  { options: asked }: DhcpMessage,
  options: readonly (typeof GRANT)[number][],
  yiaddr?: string,
): Input {
  const kind = asked.get(OPTIONS.messageType) === TYPE.discover ? 'offer' : 'ack';
  return reply(kind, [...GRANT, ...options], yiaddr === undefined ? {} : { yiaddr });
}

const granting = (...options: (typeof GRANT)[number][]): Attacker =>
  answering((message) => grant(message, options));

/** Grants another address each time. */
function restless(): Attacker {
  let turn = 0;
  return answering((message) => {
    turn += 1;
    return grant(message, SECOND_LEASE, `10.0.0.${10 + (turn % 200)}`);
  });
}

/** Attacks by the name of their kind. */
const ATTACKS: readonly (readonly [name: string, attacker: Attacker])[] = [
  ['a lease of one second', granting(...SECOND_LEASE)],
  ['a renewal time of one second in a long lease', granting(entry(OPTIONS.renewalTime, 1))],
  [
    'renewal and rebinding times of seconds in a long lease',
    granting(entry(OPTIONS.renewalTime, 1), entry(OPTIONS.rebindingTime, 2)),
  ],
  [
    'a lease of one second that is refused at its renewal and granted anew',
    answering((message) => (message.ciaddr === '0.0.0.0' ? grant(message, SECOND_LEASE) : NAK)),
  ],
  ['another address with each renewal of a lease of one second', restless()],
  [
    'an offer, and a refusal of each request for it',
    answering((message) =>
      message.options.get(OPTIONS.messageType) === TYPE.discover ? grant(message, []) : NAK,
    ),
  ],
  [
    'a neighbour that has every address',
    (effect) => (effect.tag === 'bind' ? [claim(effect.held.lease.address)] : granting()(effect)),
  ],
];

/** A gateway with another hardware address in each of a thousand replies. */
const manyGateways: readonly Input[] = Array.from({ length: 1000 }, (_, at) =>
  claim(
    SERVER,
    `02:00:00:00:${String(10 + Math.floor(at / 100))}:${String(at % 100).padStart(2, '0')}`,
  ),
);

const gatewayFlood: Attacker = (effect) => [
  ...granting()(effect),
  ...(effect.tag === 'bind' || effect.tag === 'arp' ? manyGateways : []),
];

const POLICIES: readonly (readonly [name: string, policy: Policy])[] = [
  ['keep', { ...KEEP, arp: 'fast' }],
  ['drop', { ...DROP, arp: 'fast' }],
];

describe.each(POLICIES)('in a hostile network, under %s,', (_, policy) => {
  it.each(ATTACKS)('%s makes the node do little in a minute', (_name, attacker) => {
    const { messages, writes, lines } = besiege(policy, attacker, 30);
    expect(messages).toBeGreaterThan(5);
    expect(messages).toBeLessThanOrEqual(25);
    expect(writes).toBeLessThanOrEqual(6);
    expect(lines).toBeLessThanOrEqual(15);
  });

  it('the gateway is written down once, whatever is sent in its name', () => {
    expect(besiege(policy, gatewayFlood, 5).writes).toBeLessThanOrEqual(3);
  });
});
