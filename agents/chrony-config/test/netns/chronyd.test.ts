import { requireRoot } from '@kios/testkit';
import { afterEach, beforeEach, describe } from 'vitest';

import { keepsContract } from '../support/chronyd-contract.ts';
import { TimeNode } from '../support/time-node.ts';

describe('a real chronyd', { timeout: 30_000 }, () => {
  let node: TimeNode | undefined;
  beforeEach(requireRoot);
  afterEach(async () => {
    await node?.[Symbol.asyncDispose]();
    node = undefined;
  });

  keepsContract(async () => {
    const opened = await TimeNode.open('');
    node = opened;
    await opened.startChronyd();
    const setSources = async (addresses: readonly string[]): Promise<void> =>
      opened.setSources(addresses);
    return { chronyd: opened.chronyd, setSources };
  });
});
