import { requireRoot } from '@kios/testkit';
import { afterEach, beforeEach, describe } from 'vitest';

import { keepsContract } from '../support/chronyd-contract.ts';
import { ClockNode } from '../support/clock-node.ts';

describe('a real chronyd', { timeout: 30_000 }, () => {
  let node: ClockNode | undefined;
  beforeEach(requireRoot);
  afterEach(async () => {
    await node?.[Symbol.asyncDispose]();
    node = undefined;
  });

  keepsContract(async () => {
    const opened = await ClockNode.open('');
    node = opened;
    await opened.startChronyd();
    const setSources = async (addresses: readonly string[]): Promise<void> =>
      opened.setSources(addresses);
    return { chronyd: opened.chronyd, setSources };
  });
});
