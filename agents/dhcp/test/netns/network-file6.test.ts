import { mkdir } from 'node:fs/promises';
import path from 'node:path';

import { writeAtomic } from '@kios/agent';
import { requireRoot, type RunningProcess } from '@kios/testkit';
import { kea6 } from '@kios/testkit/dhcp';
import { beforeAll, beforeEach, describe, it } from 'vitest';

import { buildAgent, eventually } from '../support/netns/agent.ts';
import { globalsOf, leasedOf, readText } from '../support/netns/network6.ts';
import { NETWORK, Scene6 } from '../support/netns/scene6.ts';

beforeEach(requireRoot);
beforeAll(buildAgent, 60_000);

/** Starts the agent on a machine whose network file says this of its card. */
async function start(
  { machine }: Scene6,
  verb: 'acquire' | 'run',
  eth0: string,
): Promise<RunningProcess> {
  const file = path.join(machine.folder, 'etc/network.yaml');
  await mkdir(path.dirname(file), { recursive: true });
  await writeAtomic(file, `network: {version: 2, ethernets: {eth0: ${eth0}}}`);
  return machine.startAuto(verb, ['eth0'], `--network=${file}`);
}

describe('a network file and IPv6', { timeout: 120_000 }, () => {
  it.concurrent('takes an address of a server that routers tell of', async ({ expect }) => {
    await using scene = await Scene6.open(kea6);
    await scene.serve();
    // The daemon has DHCPv6's port, so a boot does not wait for the one-shot any longer.
    expect(await (await start(scene, 'acquire', '{dhcp6: true}')).exited).toBe(0);
    const daemon = await start(scene, 'run', '{dhcp6: true}');
    await daemon.expect('lease6.bound');
    expect(await leasedOf(scene.client)).toHaveLength(1);
  });

  it.concurrent('asks a server at once where routers are not believed', async ({ expect }) => {
    await using scene = await Scene6.open(kea6);
    await scene.serve({}, false);
    const eth0 = '{dhcp6: true, accept-ra: false, dhcp6-overrides: {use-dns: false}}';
    expect(await (await start(scene, 'acquire', eth0)).exited).toBe(0);
    const daemon = await start(scene, 'run', eth0);
    await daemon.expect('lease6.bound', 10_000);
    expect(await leasedOf(scene.client)).toHaveLength(1);
    expect(await readText(scene.machine.runFile('resolv.conf'))).toBe('');
  });

  it.concurrent('leaves DHCPv6 alone that it does not ask for', async ({ expect }) => {
    await using scene = await Scene6.open(kea6);
    await scene.serve({}, false);
    const dns = [`${NETWORK}::54`];
    await scene.announce({ managed: true, prefix: `${NETWORK}::/64`, dns });
    const daemon = await start(scene, 'run', '{dhcp4: true}');
    await daemon.expect('router.dns');
    await eventually(async () => {
      expect(await globalsOf(scene.client)).toHaveLength(1);
    });
    expect([scene.count('solicit'), await leasedOf(scene.client)]).toEqual([0, []]);
  });

  it.concurrent('gives settings of the kernel back, after a restart too', async ({ expect }) => {
    await using scene = await Scene6.open(kea6);
    const { client } = scene;
    const accepts = async (): Promise<string> =>
      (await client.exec('sysctl', '-n', 'net.ipv6.conf.eth0.accept_ra')).trim();
    expect(await accepts()).toBe('2');
    const daemon = await start(scene, 'run', '{accept-ra: false}');
    await eventually(async () => expect(await accepts()).toBe('0'), 20_000);
    await daemon.stop('SIGKILL');
    await start(scene, 'run', '{}');
    await eventually(async () => expect(await accepts()).toBe('2'), 20_000);
  });
});
