import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { BootstrapError } from '../../src/core/faults/errors.ts';
import { CA_A, CLIENT } from '../support/fixtures.ts';
import { LocalAgent } from '../support/local-agent.ts';
import { clusterDocument, NodeFolder, TOKEN } from '../support/node-folder.ts';

const DOCUMENT = clusterDocument('https://127.0.0.1:6443', { ca: CA_A });

let node: NodeFolder;
let agent: LocalAgent;

beforeEach(async () => {
  node = await NodeFolder.make();
  agent = new LocalAgent(node);
});

afterEach(async () => {
  await agent[Symbol.asyncDispose]();
});

/** Returns path, inode and content of every file that the agent may write. */
const filesOf = (): readonly string[] =>
  ['etc', 'var', 'run/kios/platform'].flatMap((dir) =>
    readdirSync(path.join(node.root, dir), { recursive: true, encoding: 'utf8' })
      .map((file) => path.join(node.root, dir, file))
      .filter((file) => statSync(file).isFile())
      .map((file) => `${file} ${statSync(file).ino} ${readFileSync(file, 'utf8')}`),
  );

const cidata = (): void => node.seed(DOCUMENT);
const configDrive = (): void => {
  const meta = { uuid: 'u-1', hostname: 'node-1', availability_zone: 'z' };
  node.write('run/kios/seed/config-2/openstack/latest/meta_data.json', JSON.stringify(meta));
  node.write('run/kios/seed/config-2/openstack/latest/user_data', DOCUMENT);
};
/** Boots, and init mounts no seed of another disk because the node has joined. */
const bootsWithoutSeed = (): void => {
  node.boot({ bootId: 'boot-2', mode: 'cluster' });
  node.remove('run/kios/seed/cidata');
  node.remove('run/kios/seed/config-2');
};

describe.each([
  ['a volume labelled cidata', cidata],
  ['a volume labelled config-2', configDrive],
])('a node that joined by %s', (_what, attach) => {
  beforeEach(async () => {
    node.seedDisk('disk-a');
    node.machine('machine-a');
    node.lease();
    attach();
    await agent.run();
    node.kubeletJoins(CLIENT);
    await agent.run();
    await agent.run();
    agent.forget();
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  it('is the same without it: no network, no write, no restart, before any lease', async () => {
    const before = filesOf();
    const then = await agent.run();
    bootsWithoutSeed();
    node.remove('run/kios/net/eth0.json');
    const now = await agent.run();
    expect(now.outcome).toBe('joined');
    expect(now.input?.inputHash).toBe(then.input?.inputHash);
    expect(now.input?.sources.facts).toEqual(then.input?.sources.facts);
    expect(now.facts?.isRecalled).toBe(true);
    expect(node.read('etc/hostname')).toBe('node-1\n');
    expect([filesOf(), agent.lines, agent.cluster.asked, node.sent]).toEqual([before, [], [], []]);
  });

  it('still follows the address of its lease', async () => {
    bootsWithoutSeed();
    node.lease('10.0.2.99/24');
    expect((await agent.run()).outcome).toBe('joined');
    expect(node.read('etc/kubernetes/node-ip')).toBe('10.0.2.99\n');
    expect([agent.cluster.asked, node.sent]).toEqual([[], ['03']]);
  });

  it('still repairs a file', async () => {
    bootsWithoutSeed();
    node.write('etc/kubernetes/node-labels', 'x: y\n');
    await agent.run();
    expect(node.read('etc/kubernetes/node-labels')).toContain('a1');
  });

  it('joins anew by the boot medium when its certificate has expired', async () => {
    bootsWithoutSeed();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.parse('2040-01-01') });
    expect((await agent.run()).input).toBeUndefined();
    node.write('run/kios/seed/boot/bootstrap.yaml', DOCUMENT);
    expect((await agent.run()).outcome).toBe('pending');
    expect(node.read('etc/kubernetes/bootstrap-kubelet.conf')).toContain(TOKEN);
  });

  it('has no secret of it on the disk', () => {
    for (const file of readdirSync(node.settings.stateDir))
      expect(node.read(`var/lib/kios/bootstrap/${file}`)).not.toContain(TOKEN.slice(7));
  });

  it('takes nothing of it along to another machine', async () => {
    bootsWithoutSeed();
    node.machine('machine-b');
    node.write('sys/class/dmi/id/product_name', 'Standard PC\n');
    const { input } = await agent.run();
    expect(input).toBeUndefined();
  });
});

it('on OpenStack the copy makes its metadata service unnecessary, as the volume does', async () => {
  node.write('sys/class/dmi/id/product_name', 'OpenStack Nova\n');
  node.lease();
  configDrive();
  await agent.run();
  node.kubeletJoins(CLIENT);
  await agent.run();
  bootsWithoutSeed();
  // Without a lease the agent would wait for ever before it asks.
  node.remove('run/kios/net/eth0.json');
  const { outcome, facts } = await agent.run();
  expect([outcome, facts?.isRecalled]).toEqual(['joined', true]);
});

it('the copy is that of the last document whose cluster was verified', async () => {
  node.lease();
  cidata();
  await agent.run();
  node.kubeletJoins(CLIENT);
  await agent.run();
  node.seed(clusterDocument('https://127.0.0.1:7443', { pins: [`sha256:${'1'.repeat(64)}`] }));
  await expect(agent.run()).rejects.toBeInstanceOf(BootstrapError);
  bootsWithoutSeed();
  expect((await agent.run()).input?.cluster?.endpoint).toBe('https://127.0.0.1:6443');
});

it('a power cut between the certificate and its record loses nothing', async () => {
  node.machine('machine-a');
  node.lease();
  cidata();
  await agent.run();
  node.kubeletJoins(CLIENT);
  node.boot({ bootId: 'boot-2', mode: 'cluster' });
  node.remove('run/kios/seed/cidata');
  const { outcome, input } = await agent.run();
  expect([outcome, input?.document.node?.labels]).toEqual(['joined', { 'example.com/rack': 'a1' }]);
  expect(node.read('etc/kubernetes/bootstrap-kubelet.conf')).toBeUndefined();
});

it('an unjoined node does not remember a stick that was taken out', async () => {
  node.lease();
  node.seed('apiVersion: kios.dev/v1\nkind: NodeBootstrap\nnode: {name: lonely}\n');
  await agent.run();
  node.remove('run/kios/seed/cidata');
  expect((await agent.run()).input).toBeUndefined();
});
