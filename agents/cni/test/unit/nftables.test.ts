import { decodeMessages } from '@kios/netlink/message';
import { expect, it } from 'vitest';

import { LAST_SEQUENCE, masquerade } from '../../src/core/masquerade/nftables.ts';

it('is one batch of numbered requests, of which the last but one ends the exchange', () => {
  const messages = decodeMessages(masquerade('t', [10, 85]));
  expect(messages.map(({ type }) => type)).toEqual([0x10, 0xa00, 0xa02, 0xa00, 0xa03, 0xa06, 0x11]);
  expect(messages.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  expect(messages.at(-2)?.sequence).toBe(LAST_SEQUENCE);
});

it('names the first two bytes of the network twice', () => {
  const text = Buffer.from(masquerade('t', [10, 85])).toString('hex');
  expect(text.split('060001000a55')).toHaveLength(3);
});
