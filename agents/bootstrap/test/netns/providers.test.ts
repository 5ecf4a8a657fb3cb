import { requireRoot } from '@kios/testkit';
import { beforeEach, describe, it } from 'vitest';

import { CLOUDS } from '../support/clouds.ts';
import { GOOD, stayIn } from '../support/stay.ts';

const MALFORMED = 'apiVersion: kios.dev/v1\nkind: [NodeBootstrap\n';

const cases = CLOUDS.flatMap((cloud) =>
  (['ipv4', 'ipv6'] as const)
    .filter((family) => cloud[family] !== undefined)
    .map((family) => [cloud.provider, family, cloud] as const),
);

beforeEach(requireRoot);

describe.concurrent.each(cases)('%s over %s', (provider, family, cloud) => {
  it('the node becomes what its metadata and its document say', async ({ expect }) => {
    await using stay = await stayIn(cloud, { family, userData: GOOD });
    const { node } = stay.place;
    await using agent = stay.place.agent('join', [], cloud.capabilities);
    expect([await agent.exit, agent.errors, agent.lines]).toEqual([0, '', expect.anything()]);
    expect(agent.lines).toContainEqual(expect.objectContaining({ ev: 'imds.ok', provider, n: 1 }));
    expect(JSON.parse(node.read('run/kios/platform/platform.json') ?? '{}')).toMatchObject({
      platform: provider,
      instanceId: cloud.machine.instanceId,
      ...JSON.parse(JSON.stringify(cloud.expected)),
    });
    expect(node.read('etc/hostname')).toBe(`${cloud.machine.hostname.replace('.novalocal', '')}\n`);
    expect(node.read('etc/kubernetes/node-labels')).toBe('example.com/from: user-data\n');
    expect(node.sent).toEqual(['03']);
  });

  it(
    'without user data the node stays standalone, and logs that',
    { timeout: 120_000 },
    async ({ expect }) => {
      await using stay = await stayIn(cloud, { family });
      await using agent = stay.place.agent('join', [], cloud.capabilities);
      expect([await agent.exit, agent.errors]).toEqual([0, '']);
      expect(agent.lines).toContainEqual(
        expect.objectContaining({ ev: 'standalone', lvl: 'warn' }),
      );
      expect(stay.place.node.read('etc/kubernetes/bootstrap-kubelet.conf')).toBeUndefined();
      expect(
        JSON.parse(stay.place.node.read('run/kios/platform/platform.json') ?? '{}'),
      ).toMatchObject({ platform: provider, instanceId: cloud.machine.instanceId });
    },
  );

  it('malformed user data is refused with its place, and nothing is written', async ({
    expect,
  }) => {
    await using stay = await stayIn(cloud, { family, userData: MALFORMED });
    await using agent = stay.place.agent('join', [], cloud.capabilities);
    expect([await agent.exit, agent.lines]).toEqual([65, expect.anything()]);
    const output = JSON.stringify(agent.lines) + agent.errors;
    expect(output).toContain('KIOS_BOOTSTRAP_DOCUMENT');
    expect(output).toMatch(/line [23], column \d+/);
    expect(stay.place.node.read('etc/hostname')).toBeUndefined();
    expect(stay.place.node.sent).toEqual([]);
  });
});
