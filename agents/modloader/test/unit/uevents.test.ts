import { describe } from 'vitest';

import { FakeUevents } from '../support/fake-uevents.ts';
import { netlinkAddress } from '../support/netlink-address.ts';
import { ueventContract } from '../support/uevents-contract.ts';

describe('the events of the tests', () => {
  ueventContract((rejected) => {
    const source = new FakeUevents(rejected);
    return {
      source,
      kernelSends: (text) => source.send(text),
      programSends: (text) => source.send(text, netlinkAddress(4711, 1)),
      lose: () => source.overrun(),
    };
  });
});
