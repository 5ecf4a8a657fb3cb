import { requireRoot, startDnsmasq, Wire } from '@kios/testkit';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { addressesOf, buildAgent, Machine, shippedRuntime } from './agent.ts';

beforeEach(requireRoot);
beforeAll(buildAgent, 60_000);

const range = (net: number): string => `10.${net}.0.10,10.${net}.0.20,255.255.255.0,2m`;

describe('two links', () => {
  it(
    'race: the first answer wins, and the daemon serves the other one too',
    { timeout: 120_000 },
    async () => {
      await using slow = await Wire.open('10.77.0.1/24');
      await using fast = await Wire.open('10.88.0.1/24');
      const { client } = slow;
      await fast.client.exec('ip', 'link', 'set', 'eth0', 'netns', client.name, 'name', 'eth1');
      await startDnsmasq(fast.server, { interface: 'srv0', range: range(88) });
      const machine = await Machine.open(client, shippedRuntime());
      // Nobody answers on eth0 until the one-shot is through.
      expect(await machine.acquire('--interface=eth1').exited).toBe(0);
      expect(await addressesOf(client, 'eth0')).toEqual([]);
      expect(await addressesOf(client, 'eth1')).toHaveLength(1);
      const daemon = machine.run('--interface=eth1');
      await daemon.expect(/lease\.adopted.*eth1/);
      await startDnsmasq(slow.server, { interface: 'srv0', range: range(77) });
      await daemon.expect(/lease\.bound.*eth0/, 70_000);
      expect(await addressesOf(client, 'eth0')).toHaveLength(1);
      expect(await addressesOf(client, 'eth1')).toHaveLength(1);
    },
  );
});
