import { mkdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';

import { writeAtomic } from '@kios/agent';
import { requireRoot, type RunningProcess } from '@kios/testkit';
import { dnsmasq } from '@kios/testkit/dhcp';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { addressesOf, buildAgent, eventually } from '../support/netns/agent.ts';
import { ADDRESS, Scene } from '../support/netns/scene.ts';

beforeEach(requireRoot);
beforeAll(buildAgent, 60_000);

const DHCP = 'network: {version: 2, ethernets: {eth0: {dhcp4: true}}}';
const METRIC =
  'network: {version: 2, ethernets: {eth0: {dhcp4: true, dhcp4-overrides: {route-metric: 7}}}}';
const BRIDGE = `
network:
  version: 2
  ethernets: {eth0: {}}
  bridges: {br0: {interfaces: [eth0], dhcp4: true}}
`;
const FIXED = `
network:
  version: 2
  ethernets:
    eth0:
      addresses: [10.77.0.44/24, "2001:db8:77::44/64"]
      routes: [{to: default, via: ${ADDRESS}}, {to: default, via: "2001:db8:77::1"}]
      nameservers: {addresses: [${ADDRESS}], search: [lan.example]}
`;
const RULED = `
network:
  version: 2
  ethernets:
    eth0:
      addresses: [10.77.0.50/24, "2001:db8:77::50/64"]
      routes:
        - {to: default, via: ${ADDRESS}}
        - {to: default, via: "2001:db8:77::1", table: 77}
      routing-policy: [{from: "2001:db8:77::50", table: 77}]
`;
const BOTH = RULED.replace('eth0:', 'eth0:\n      dhcp4: true');
const SILENT = 'network: {version: 2, ethernets: {eth0: {}}}';
const PORT = 6443;

/** A machine with a network file. */
class Host {
  readonly scene: Scene;

  constructor(scene: Scene) {
    this.scene = scene;
  }

  get file(): string {
    return this.#path('etc/network.yaml');
  }

  async write(text: string): Promise<void> {
    await mkdir(path.dirname(this.file), { recursive: true });
    await writeAtomic(this.file, text);
  }

  /** Writes what an earlier instance kept of its network files. */
  async remember(judgement: object): Promise<void> {
    const file = this.scene.machine.stateFile('network.json');
    await mkdir(path.dirname(file), { recursive: true });
    await writeAtomic(file, JSON.stringify(judgement));
  }

  async remove(): Promise<void> {
    await rm(this.file);
  }

  /** Makes the node a member of a cluster whose API server listens on the server's address. */
  async join(): Promise<void> {
    const program = `require('node:net').createServer((s) => s.destroy()).listen(${PORT}, '${ADDRESS}', () => console.log('listening'));`;
    await this.scene.server.start(process.execPath, ['-e', program]).expect('listening');
    await mkdir(this.#path('platform'), { recursive: true });
    const state = { v: 1, server: `https://${ADDRESS}:${PORT}` };
    await writeAtomic(this.#path('platform/cluster.json'), JSON.stringify(state));
  }

  start(verb: 'acquire' | 'run', seconds = 6): RunningProcess {
    return this.scene.machine.startAuto(
      verb,
      ['eth0'],
      `--network=${this.file}`,
      `--platform-dir=${this.#path('platform')}`,
      `--network-trial=${seconds}`,
    );
  }

  /** Folders that the agent expects to be there. */
  async prepare(): Promise<void> {
    await mkdir(path.dirname(this.file), { recursive: true });
  }

  readonly #path = (name: string): string => path.join(this.scene.machine.folder, name);
}

async function open(): Promise<{ scene: Scene; host: Host }> {
  const scene = await Scene.open(dnsmasq);
  await scene.serve();
  const host = new Host(scene);
  await host.prepare();
  return { scene, host };
}

/** The lease's file follows the kernel. */
async function boundAddress({ machine }: Scene): Promise<string> {
  let address = '';
  await eventually(async () => {
    ({ address } = await machine.lease());
  });
  return address;
}

describe('a network file', () => {
  it('says how a card is served, and is followed while the agent runs', async () => {
    const { scene, host } = await open();
    await using _ = scene;
    await host.write(DHCP);
    expect(await host.start('acquire').exited).toBe(0);
    const { address } = await scene.machine.lease();
    const daemon = host.start('run');
    await daemon.expect('lease.adopted');
    await host.write(METRIC);
    await eventually(async () => {
      const routes = await scene.client.exec('ip', 'route', 'show', 'default');
      expect(routes).toContain('metric 7');
    });
    expect(await addressesOf(scene.client)).toEqual([address]);
  }, 60_000);

  it('leaves out the name servers of the only source, and takes them in again', async () => {
    const { scene, host } = await open();
    await using _ = scene;
    const resolver = (): Promise<string> => readFile(scene.machine.runFile('resolv.conf'), 'utf8');
    await host.write(DHCP);
    const daemon = host.start('run');
    await daemon.expect('dns.set', 15_000);
    const before = await resolver();
    expect(before).toContain('nameserver');
    await host.write(DHCP.replace('true}', 'true, dhcp4-overrides: {use-dns: false}}'));
    await eventually(async () => expect(await resolver()).toBe('# kios-dhcp\n'));
    await host.write(DHCP);
    await eventually(async () => expect(await resolver()).toBe(before));
  }, 60_000);

  it('comes to a node that had none, and goes again', async () => {
    const { scene, host } = await open();
    await using _ = scene;
    await host.join();
    const daemon = host.start('run');
    await daemon.expect('lease.bound', 15_000);
    const address = await boundAddress(scene);
    await host.write(BRIDGE);
    await daemon.expect('network.good', 20_000);
    await eventually(async () => expect(await addressesOf(scene.client, 'br0')).toEqual([address]));
    expect(await addressesOf(scene.client)).toEqual([]);
    await host.remove();
    await eventually(async () => expect(await addressesOf(scene.client)).toEqual([address]));
  }, 90_000);

  it('gives a card rules and another table, alone or beside a lease', async () => {
    const { scene, host } = await open();
    await using _ = scene;
    const show = (...words: string[]): Promise<string> => scene.client.exec('ip', ...words);
    await host.write(RULED);
    expect(await host.start('acquire').exited).toBe(0);
    expect(await addressesOf(scene.client)).toEqual(['10.77.0.50/24']);
    expect(await show('route', 'show', 'default')).toContain(`via ${ADDRESS}`);
    const daemon = host.start('run');
    await daemon.expect('network.file', 15_000);
    // The first times perhaps because of other events just after the start, the last surely because of the rule's own.
    for (let times = 0; times < 6; times += 1) {
      await show('-6', 'rule', 'flush', 'proto', '107');
      await eventually(async () => expect(await show('-6', 'rule')).toContain('lookup 77'));
    }
    expect(await show('-6', 'route', 'show', 'table', '77')).toContain('via 2001:db8:77::1');
    await host.write(BOTH);
    await daemon.expect('lease.bound', 15_000);
    const leased = await boundAddress(scene);
    expect(await addressesOf(scene.client)).toEqual(['10.77.0.50/24', leased]);
    await host.write(DHCP);
    await eventually(async () => expect(await addressesOf(scene.client)).toEqual([leased]));
    expect(await show('-6', 'rule')).not.toContain('lookup 77');
    expect(await show('-6', 'address', 'show', 'dev', 'eth0')).not.toContain('2001:db8:77::50');
  }, 90_000);

  it('is taken back when the API server is not reached with it, and not tried again', async () => {
    const { scene, host } = await open();
    await using _ = scene;
    await host.join();
    await host.write(DHCP);
    const daemon = host.start('run');
    await daemon.expect('lease.bound', 15_000);
    const before = await addressesOf(scene.client);
    await host.write(SILENT);
    await daemon.expect('"outcome":"trial"', 10_000);
    await daemon.expect('KIOS_DHCP_NETWORK_LOST', 20_000);
    await eventually(async () => expect(await addressesOf(scene.client)).toEqual(before));
    await boundAddress(scene);
    await daemon.stop('SIGKILL');
    const again = host.start('run');
    await again.expect('"outcome":"refused"', 10_000);
    await again.expect('lease.adopted', 10_000);
  }, 90_000);

  it('gives fixed addresses, which other programs see as they see a lease', async () => {
    const { scene, host } = await open();
    await using _ = scene;
    const { client, machine } = scene;
    await host.write(FIXED);
    expect(await host.start('acquire').exited).toBe(0);
    expect(await addressesOf(client)).toEqual(['10.77.0.44/24']);
    expect(await client.exec('ip', '-6', 'route', 'show', 'default')).toContain('2001:db8:77::1');
    expect(await machine.lease()).toMatchObject({
      state: 'static',
      address: '10.77.0.44/24',
      gateways: [ADDRESS],
    });
    const resolver = await readFile(machine.runFile('resolv.conf'), 'utf8');
    expect(resolver).toMatch(/^nameserver 10\.77\.0\.1\nsearch lan\.example$/m);
    const daemon = host.start('run');
    await client.exec('ip', 'address', 'flush', 'dev', 'eth0');
    await daemon.expect('static.set');
    await eventually(async () => expect(await addressesOf(client)).toEqual(['10.77.0.44/24']));
    await host.write(DHCP);
    await daemon.expect('lease.bound', 15_000);
    await eventually(async () =>
      expect(await addressesOf(client)).toEqual([(await machine.lease()).address]),
    );
    expect(await client.exec('ip', '-6', 'route', 'show', 'default')).toBe('');
  }, 60_000);

  it('gives a bridge a fixed address in place of a lease, also to the next instance', async () => {
    const { scene, host } = await open();
    await using _ = scene;
    const { client, machine } = scene;
    await host.write(BRIDGE);
    const daemon = host.start('run');
    await daemon.expect('lease.bound', 15_000);
    await host.write(BRIDGE.replace('dhcp4: true', 'addresses: [10.77.0.44/24]'));
    await daemon.expect('lease.left', 15_000);
    const isFixed = async (): Promise<void> => {
      expect(await addressesOf(client, 'br0')).toEqual(['10.77.0.44/24']);
      expect(await machine.lease('br0')).toMatchObject({ state: 'static' });
    };
    await eventually(isFixed);
    await daemon.stop('SIGKILL');
    const again = host.start('run');
    await again.expect('network.file', 15_000);
    await host.write(BRIDGE.replace('dhcp4: true', 'addresses: [10.77.0.44/24], mtu: 1400'));
    await again.expectNext('network.file', 15_000);
    await eventually(isFixed);
    expect(again.lines.filter((line) => line.includes('lease.'))).toEqual([]);
  }, 60_000);

  it('with faults changes nothing, and each fault has its line', async () => {
    const { scene, host } = await open();
    await using _ = scene;
    await host.write(DHCP);
    const daemon = host.start('run');
    await daemon.expect('lease.bound', 15_000);
    await host.write('network:\n  version: 2\n  ethernets: {eth0: {dhpc4: true}}\n');
    await daemon.expect('Did you mean dhcp4?', 10_000);
    expect(await addressesOf(scene.client)).toEqual([await boundAddress(scene)]);
  }, 60_000);

  it.each<readonly [name: string, prepare: (host: Host) => Promise<void>]>([
    ['has faults', (host) => host.write('network: [version]\n')],
    ['is a folder', async (host) => void (await mkdir(host.file, { recursive: true }))],
    [
      'has faults as the last good one has, which an earlier version took',
      async (host) => {
        await host.write('network: [version]\n');
        await host.remember({ v: 1, good: 'network: {version: 2, ethernets: [eth0]}' });
      },
    ],
  ])(
    'that %s at the boot leaves DHCP on every card',
    async (_name, prepare) => {
      const { scene, host } = await open();
      await using _ = scene;
      await prepare(host);
      const acquire = host.start('acquire');
      await acquire.expect('KIOS_DHCP_NETWORK_FILE', 10_000);
      expect(await acquire.exited).toBe(0);
      const daemon = host.start('run');
      await daemon.expect('KIOS_DHCP_NETWORK_FILE', 10_000);
      await daemon.expect('lease.adopted', 10_000);
      expect(await addressesOf(scene.client)).toEqual([await boundAddress(scene)]);
    },
    60_000,
  );
});
