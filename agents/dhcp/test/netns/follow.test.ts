import { requireRoot, startTcpFlow } from '@kios/testkit';
import { dnsmasq, kea6 } from '@kios/testkit/dhcp';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { addressesOf, buildAgent, eventually, macOf } from '../support/netns/agent.ts';
import { globalsOf } from '../support/netns/network6.ts';
import { ADDRESS, Scene } from '../support/netns/scene.ts';
import { Scene6 } from '../support/netns/scene6.ts';

beforeEach(requireRoot);
beforeAll(buildAgent, 60_000);

async function open(): Promise<Scene> {
  const scene = await Scene.open(dnsmasq);
  await scene.serve();
  return scene;
}

const makeBridge = async ({ client }: Scene, name: string, mac?: string): Promise<void> => {
  const address = mac === undefined ? [] : ['address', mac];
  await client.exec('ip', 'link', 'add', name, ...address, 'type', 'bridge', 'forward_delay', '0');
  await client.exec('ip', 'link', 'set', name, 'up');
};

const on = async (scene: Scene, link: string, addresses: readonly string[]): Promise<void> =>
  eventually(async () => expect(await addressesOf(scene.client, link)).toEqual(addresses), 20_000);

describe('a lease whose link others put into a bridge', () => {
  it('follows it there and back, and no connection breaks', async () => {
    await using scene = await open();
    const { client, server, machine } = scene;
    const daemon = machine.startAuto('run', ['eth0']);
    await daemon.expect('lease.bound', 15_000);
    const [address = ''] = await addressesOf(client);
    const flow = await startTcpFlow(client, server, ADDRESS);
    await makeBridge(scene, 'br-ex', await macOf(client));
    await client.exec('ip', 'link', 'set', 'eth0', 'master', 'br-ex');
    await on(scene, 'br-ex', [address]);
    await on(scene, 'eth0', []);
    expect(await client.exec('ip', 'route', 'show', 'default')).toContain('dev br-ex');
    await daemon.stop('SIGKILL');
    const again = machine.startAuto('run', ['eth0']);
    await again.expect('lease.adopted', 15_000);
    await client.exec('ip', 'link', 'set', 'eth0', 'nomaster');
    await on(scene, 'eth0', [address]);
    await on(scene, 'br-ex', []);
    await flow.expectNext('echoed');
  }, 90_000);

  it('follows it with IPv6 alone, without a message', async () => {
    await using scene = await Scene6.open(kea6);
    await scene.serve();
    const { client, machine } = scene;
    const leases = async (link: string): Promise<string[]> =>
      (await globalsOf(client, link)).map(({ address }) => address);
    const daemon = machine.startAuto('run', ['eth0']);
    await daemon.expect('lease6.bound');
    const before = await leases('eth0');
    const solicits = scene.count('solicit');
    const mac = await macOf(client);
    const bridge = ['address', mac, 'type', 'bridge', 'forward_delay', '0'];
    await client.exec('ip', 'link', 'add', 'br-ex', ...bridge);
    await client.exec('ip', 'link', 'set', 'br-ex', 'up');
    await client.exec('ip', 'link', 'set', 'eth0', 'master', 'br-ex');
    await daemon.expect('lease6.adopted', 20_000);
    expect([await leases('eth0'), await leases('br-ex')]).toEqual([[], before]);
    await client.exec('ip', 'link', 'set', 'eth0', 'nomaster');
    await daemon.expectNext('lease6.adopted', 20_000);
    expect([await leases('eth0'), await leases('br-ex')]).toEqual([before, []]);
    expect(scene.count('solicit')).toBe(solicits);
  }, 90_000);

  it('leaves a port of a bridge with another hardware address', async () => {
    await using scene = await open();
    const { client, machine } = scene;
    const daemon = machine.startAuto('run', ['eth0']);
    await daemon.expect('lease.bound', 15_000);
    await makeBridge(scene, 'other', '02:00:00:00:00:aa');
    await client.exec('ip', 'link', 'set', 'eth0', 'master', 'other');
    await daemon.expect('lease.left');
    expect(await addressesOf(client)).toEqual([]);
    expect(await client.exec('ip', 'route', 'show')).toBe('');
    await client.exec('ip', 'link', 'set', 'eth0', 'nomaster');
    await daemon.expectNext('lease.bound', 20_000);
  }, 60_000);
});
