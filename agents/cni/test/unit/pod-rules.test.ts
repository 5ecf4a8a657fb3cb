import { decodeMessages } from '@kios/netlink/message';
import { expect, it } from 'vitest';

import { podRules } from '../../src/core/rules/pod-rules.ts';

const { batch, last } = podRules('t', { bridge: 'cni0', bytes: [10, 85] });
/** Message types: the batch with the table that is made, deleted and made again; what a table holds. */
const TABLE = [0x10, 0xa00, 0xa02, 0xa00];
const [CHAIN, RULE, END] = [0xa03, 0xa06, 0x11];

const text = Buffer.from(batch).toString('hex');

it('is one batch of numbered requests, of which the last but one ends the exchange', () => {
  const messages = decodeMessages(batch);
  expect(messages.map(({ type }) => type)).toEqual([
    ...TABLE,
    CHAIN,
    ...Array<number>(7).fill(RULE),
    CHAIN,
    RULE,
    END,
  ]);
  expect(messages.map(({ sequence }) => sequence)).toEqual(messages.map((_, index) => index + 1));
  expect(messages.at(-2)?.sequence).toBe(last);
});

it('names the first two bytes of the network twice', () => {
  expect(text.split('060001000a55')).toHaveLength(3);
});

it.each(['a83f8110', 'c00000c0', '646464c8'])('closes the platform address %s', (address) => {
  expect(text).toContain(`08000100${address}`);
});
