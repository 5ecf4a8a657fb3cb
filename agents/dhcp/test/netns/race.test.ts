import { type Netns, requireRoot, startDnsmasq, Wire } from '@kios/testkit';
import * as v from 'valibot';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { addressesOf, buildAgent, Machine, shippedRuntime } from '../support/netns/agent.ts';

beforeEach(requireRoot);
beforeAll(buildAgent, 60_000);

const range = (net: number): string => `10.${net}.0.10,10.${net}.0.20,255.255.255.0,2m`;

const CARDS = ['eth0', 'eth1'] as const;
const ACK = 'DHCPACK(srv0)';

const DefaultRoutes = v.array(
  v.object({ gateway: v.string(), dev: v.string(), metric: v.number() }),
);

/** Default routes, the preferred one first. */
async function defaultsOf(netns: Netns): Promise<string[]> {
  const routes = v.parse(DefaultRoutes, await netns.ip('route', 'show', 'default'));
  return routes
    .toSorted((a, b) => a.metric - b.metric)
    .map(({ gateway, dev }) => `${gateway} on ${dev}`);
}

describe('two links', () => {
  it.each([
    ['eth0', 'eth1'],
    ['eth1', 'eth0'],
  ] as const)(
    'with auto the link %s with the quicker server wins, and the daemon serves %s too',
    { timeout: 120_000 },
    async (quick, slow) => {
      await using eth0 = await Wire.open('10.77.0.1/24');
      await using eth1 = await Wire.open('10.88.0.1/24');
      const { client } = eth0;
      await eth1.client.exec('ip', 'link', 'set', 'eth0', 'netns', client.name, 'name', 'eth1');
      const serve = async (card: string) =>
        startDnsmasq(card === 'eth0' ? eth0.server : eth1.server, {
          interface: 'srv0',
          range: range(card === 'eth0' ? 77 : 88),
          extra: card === slow ? ['--dhcp-reply-delay=3'] : [],
        });
      const [winner, loser] = [await serve(quick), await serve(slow)];
      const machine = await Machine.open(client, shippedRuntime());
      expect(await machine.startAuto('acquire', CARDS).exited).toBe(0);
      await winner.expect(ACK);
      // It was asked as early as the other one, but its reply was not waited for.
      await loser.expect('DHCPDISCOVER(srv0)');
      expect(loser.lines.join('\n')).not.toContain(ACK);
      expect([await addressesOf(client, quick), await addressesOf(client, slow)]).toEqual([
        [expect.stringMatching(quick === 'eth0' ? /^10\.77/ : /^10\.88/)],
        [],
      ]);
      const won = await addressesOf(client, quick);
      expect(await defaultsOf(client)).toHaveLength(1);
      const daemon = machine.startAuto('run', CARDS);
      await daemon.expect(new RegExp(`lease\\.adopted.*${quick}`));
      await daemon.expect(new RegExp(`lease\\.bound.*${slow}`), 70_000);
      await loser.expect(ACK);
      expect(await addressesOf(client, quick)).toEqual(won);
      expect(await addressesOf(client, slow)).toHaveLength(1);
      expect(await defaultsOf(client)).toEqual(['10.77.0.1 on eth0', '10.88.0.1 on eth1']);
    },
  );

  it(
    'the first reply wins, and the daemon serves the other one too',
    { timeout: 120_000 },
    async () => {
      await using slow = await Wire.open('10.77.0.1/24');
      await using fast = await Wire.open('10.88.0.1/24');
      const { client } = slow;
      await fast.client.exec('ip', 'link', 'set', 'eth0', 'netns', client.name, 'name', 'eth1');
      await startDnsmasq(fast.server, { interface: 'srv0', range: range(88) });
      const machine = await Machine.open(client, shippedRuntime());
      // No server replies on eth0 until the one-shot has ended.
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
