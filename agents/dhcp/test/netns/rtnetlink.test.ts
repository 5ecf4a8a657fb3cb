import path from 'node:path';

import { requireRoot, Wire } from '@kios/testkit';
import { beforeEach, describe, expect, it } from 'vitest';

import { EXPECTED } from '../support/rtnetlink-contract.ts';

beforeEach(requireRoot);

describe('the kernel', () => {
  it('follows the contract, and promotes secondary addresses', async () => {
    await using wire = await Wire.open('10.0.0.1/24');
    const story = path.join(import.meta.dirname, '../support/netns/rtnetlink-story.ts');
    const outcome: unknown = JSON.parse(await wire.client.exec(process.execPath, story));
    expect(outcome).toEqual(EXPECTED);
  });
});
