import { writeFile } from 'node:fs/promises';

import { requireRoot } from '@kios/testkit';
import { afterEach, beforeAll, beforeEach, describe, vi } from 'vitest';

import { chronydAt } from '../../src/edge/chronyd/chronyd.ts';
import { keepsContract } from '../support/chronyd-contract.ts';
import { bundleTimeAgent, TimePod } from '../support/time-pod.ts';

describe('a real chronyd', { timeout: 60_000 }, () => {
  let bundle: string;
  let pod: TimePod | undefined;
  beforeAll(async () => {
    bundle = await bundleTimeAgent();
  }, 120_000);
  beforeEach(requireRoot);
  afterEach(async () => {
    await pod?.[Symbol.asyncDispose]();
    pod = undefined;
  });

  keepsContract(async () => {
    const opened = await TimePod.open(bundle);
    pod = opened;
    await opened.configure('fallbackPools: []\n');
    await opened.render();
    opened.chronyd();
    const chronyd = chronydAt(opened.socket);
    // Its first line comes before its socket.
    const { signal } = new AbortController();
    await vi.waitFor(async () => chronyd.tracking(signal), { timeout: 30_000, interval: 200 });
    const setSources = async (addresses: readonly string[]): Promise<void> => {
      const lines = addresses.map((address) => `server ${address} iburst\n`);
      await writeFile(`${opened.dir}/chrony/sources.d/test.sources`, lines.join(''));
    };
    return { chronyd, setSources };
  });
});
