import { decodeMessages } from '@kios/netlink/message';
import { expect, it } from 'vitest';

import { podNetwork } from '../../src/core/network/pod-network.ts';
import { podRules } from '../../src/core/rules/pod-rules.ts';

const NETWORK = podNetwork(true);
const { batch, last } = podRules('t', NETWORK, { places: 65_536, closingSeconds: 10 });
/** Message types: the batch with the table that is made, deleted and made again; what a table holds. */
const TABLE = [0x10, 0xa00, 0xa02, 0xa00];
const [CHAIN, RULE, SET, END] = [0xa03, 0xa06, 0xa09, 0x11];

const text = Buffer.from(batch).toString('hex');

it('is one batch of numbered requests, of which the last but one ends the exchange', () => {
  const messages = decodeMessages(batch);
  expect(messages.map(({ type }) => type)).toEqual([
    ...TABLE,
    SET,
    CHAIN,
    RULE,
    RULE,
    CHAIN,
    ...Array<number>(12).fill(RULE),
    CHAIN,
    RULE,
    RULE,
    END,
  ]);
  expect(messages.map(({ sequence }) => sequence)).toEqual(messages.map((_, index) => index + 1));
  expect(messages.at(-2)?.sequence).toBe(last);
});

it('names the first two bytes of the network twice', () => {
  expect(text.split('060001000a55')).toHaveLength(3);
});

/** The first byte behind a request's header is its family. */
const familiesIn = (bytes: Uint8Array): number[] => [
  ...new Set(
    decodeMessages(bytes)
      .slice(1, -1)
      .map(({ payload }) => payload[0] ?? -1),
  ),
];

it('is one table for both families, and for IPv4 alone on a kernel without IPv6', () => {
  const table = { places: 65_536, closingSeconds: 10 };
  const alone = podRules('t', podNetwork(false), table).batch;
  expect(familiesIn(batch)).toEqual([1]);
  expect(familiesIn(alone)).toEqual([2]);
  expect(decodeMessages(alone).filter(({ type }) => type === RULE)).toHaveLength(10);
  expect(Buffer.from(alone).toString('hex')).not.toContain('fd6b696f7300');
});

it.each(['a83f8110', 'c00000c0', '646464c8'])('closes the platform address %s', (address) => {
  expect(text).toContain(`08000100${address}`);
});

it.each(['08000100fd000ec2', '08000100fd0000c1', '0a000100fd00a9fea9fe'])(
  'closes the platform network %s of IPv6',
  (value) => {
    expect(text).toContain(value);
  },
);

/** An attribute with a number, in hexadecimal. */
const attribute = (type: number, value: number): string =>
  `08000${type}00${value.toString(16).padStart(8, '0')}`;

it.each([
  ['a machine of 2 GiB', 65_536, 10, 256, 1639],
  ['a machine of 512 MiB', 4096, 10, 16, 103],
  ["the kernel's own times", 65_536, 120, 256, 137],
  ['a table without size', 1, 120, 1, 1],
])('for %s pods get half the places, and as many new ones as end up in a quarter', (...row) => {
  const [, places, closingSeconds, parts, perSecond] = row;
  const { batch } = podRules('t', NETWORK, { places, closingSeconds });
  const hex = Buffer.from(batch).toString('hex');
  expect(hex).toContain(attribute(4, parts));
  expect(hex).toContain(attribute(1, 2 * parts));
  expect(hex).toContain(attribute(3, perSecond));
  expect(hex).toContain(`${attribute(1, 128)}${attribute(2, 1)}`);
});
