import { describe, expect, it } from 'vitest';

import { FakeRtnetlink } from '../../src/testing.ts';
import { EXPECTED, playStory } from '../support/layer3-contract.ts';

const LINK = {
  index: 7,
  name: 'eth0',
  type: 1,
  mac: '02:00:00:00:00:07',
  up: true,
  carrier: true,
  mtu: 1500,
  maxMtu: undefined,
  master: undefined,
  kind: undefined,
};

describe('the fake kernel', () => {
  it('follows the contract of addresses, routes and rules', async () => {
    const kernel = new FakeRtnetlink([LINK]);
    expect(await playStory(kernel, kernel.rules, LINK.index)).toEqual(EXPECTED);
  });

  it('lists what it listed before there were two families', async () => {
    const kernel = new FakeRtnetlink([LINK]);
    await playStory(kernel, kernel.rules, LINK.index);
    expect(await kernel.addresses()).toHaveLength(1);
    expect(await kernel.routes()).toEqual([]);
  });
});
