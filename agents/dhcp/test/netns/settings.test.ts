import { writeFile } from 'node:fs/promises';
import path from 'node:path';

import { requireRoot } from '@kios/testkit';
import { dnsmasq } from '@kios/testkit/dhcp';
import { beforeAll, beforeEach, expect, it } from 'vitest';

import { addressesOf, buildAgent } from '../support/netns/agent.ts';
import { Scene } from '../support/netns/scene.ts';

beforeEach(requireRoot);
beforeAll(buildAgent, 60_000);

it.each([
  ['an unknown key', 'interfaces: {eth0: {metrik: 5, metric: 7}}', 'Did you mean metric?', 7],
  ['no YAML', 'interfaces: {eth0: [}', 'is not YAML', 100],
])(
  'dhcp.yaml with %s costs that alone',
  async (_name, text, line, metric) => {
    await using scene = await Scene.open(dnsmasq);
    await scene.serve();
    const file = path.join(scene.machine.folder, 'dhcp.yaml');
    await writeFile(file, text);
    const daemon = scene.machine.run(`--config=${file}`);
    await daemon.expect('KIOS_DHCP_SETTING', 10_000);
    await daemon.expect('lease.bound', 15_000);
    expect(daemon.lines.join('\n')).toContain(line);
    expect(await addressesOf(scene.client)).toHaveLength(1);
    expect(await scene.client.exec('ip', 'route', 'show', 'default')).toContain(`metric ${metric}`);
  },
  60_000,
);
