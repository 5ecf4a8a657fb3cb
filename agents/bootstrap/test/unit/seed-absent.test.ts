import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

import { createLogger } from '@kios/agent';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { BootstrapError } from '../../src/core/faults/errors.ts';
import type { ApiServer } from '../../src/edge/cluster/api-server.ts';
import { joinNode, type Joined } from '../../src/verbs/join.ts';
import { clusterDocument, NodeFolder, TOKEN } from '../support/node-folder.ts';

const fixture = (name: string): string =>
  readFileSync(path.join(import.meta.dirname, '../support/fixtures', name), 'utf8');
const DOCUMENT = clusterDocument('https://127.0.0.1:6443', { ca: fixture('ca-a.crt') });

let node: NodeFolder;
let calls = 0;
let lines: string[] = [];
const api: ApiServer = {
  get: async () => {
    calls++;
    return Promise.resolve({ status: 200, body: '{}' });
  },
};
const log = createLogger('bootstrap', {
  console: { send: () => {}, close: () => Promise.resolve() },
  stdout: { write: (line: string) => lines.push(line) },
});

async function run(): Promise<Joined> {
  const { signal } = new AbortController();
  return joinNode({ settings: node.settings, log, signal, openApi: () => api });
}

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
    node = await NodeFolder.make();
    node.seedDisk('disk-a');
    node.machine('machine-a');
    node.lease();
    attach();
    await run();
    node.kubeletJoins(fixture('client.crt'));
    await run();
    await run();
    lines = [];
    calls = 0;
    node.sent.length = 0;
  });

  afterEach(async () => {
    vi.useRealTimers();
    await node[Symbol.asyncDispose]();
  });

  it('is the same without it: no network, no write, no restart, before any lease', async () => {
    const before = filesOf();
    const then = await run();
    bootsWithoutSeed();
    node.remove('run/kios/net/eth0.json');
    const now = await run();
    expect(now.outcome).toBe('joined');
    expect(now.input?.inputHash).toBe(then.input?.inputHash);
    expect(now.input?.sources.facts).toEqual(then.input?.sources.facts);
    expect(now.facts?.isRecalled).toBe(true);
    expect(node.read('etc/hostname')).toBe('node-1\n');
    expect([filesOf(), lines, calls, node.sent]).toEqual([before, [], 0, []]);
  });

  it('still follows the address of its lease', async () => {
    bootsWithoutSeed();
    node.lease('10.0.2.99/24');
    expect((await run()).outcome).toBe('joined');
    expect(node.read('etc/kubernetes/node-ip')).toBe('10.0.2.99\n');
    expect([calls, node.sent]).toEqual([0, ['03']]);
  });

  it('still repairs a file', async () => {
    bootsWithoutSeed();
    node.write('etc/kubernetes/node-labels', 'x: y\n');
    await run();
    expect(node.read('etc/kubernetes/node-labels')).toContain('a1');
  });

  it('joins anew by the boot medium when its certificate has expired', async () => {
    bootsWithoutSeed();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.parse('2040-01-01') });
    expect((await run()).input).toBeUndefined();
    node.write('run/kios/seed/boot/bootstrap.yaml', DOCUMENT);
    expect((await run()).outcome).toBe('pending');
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
    const { input } = await run();
    expect(input).toBeUndefined();
  });
});

it('on OpenStack the copy makes its metadata service unnecessary, as the volume does', async () => {
  node = await NodeFolder.make();
  node.write('sys/class/dmi/id/product_name', 'OpenStack Nova\n');
  node.lease();
  configDrive();
  await run();
  node.kubeletJoins(fixture('client.crt'));
  await run();
  bootsWithoutSeed();
  // Without a lease the agent would wait for ever before it asks.
  node.remove('run/kios/net/eth0.json');
  const { outcome, facts } = await run();
  expect([outcome, facts?.isRecalled]).toEqual(['joined', true]);
  await node[Symbol.asyncDispose]();
});

it('the copy is that of the last document whose cluster was verified', async () => {
  node = await NodeFolder.make();
  node.lease();
  cidata();
  await run();
  node.kubeletJoins(fixture('client.crt'));
  await run();
  node.seed(clusterDocument('https://127.0.0.1:7443', { pins: [`sha256:${'1'.repeat(64)}`] }));
  await expect(run()).rejects.toBeInstanceOf(BootstrapError);
  bootsWithoutSeed();
  expect((await run()).input?.cluster?.endpoint).toBe('https://127.0.0.1:6443');
  await node[Symbol.asyncDispose]();
});

it('a power cut between the certificate and its record loses nothing', async () => {
  node = await NodeFolder.make();
  node.machine('machine-a');
  node.lease();
  cidata();
  await run();
  node.kubeletJoins(fixture('client.crt'));
  node.boot({ bootId: 'boot-2', mode: 'cluster' });
  node.remove('run/kios/seed/cidata');
  const { outcome, input } = await run();
  expect([outcome, input?.document.node?.labels]).toEqual(['joined', { 'example.com/rack': 'a1' }]);
  expect(node.read('etc/kubernetes/bootstrap-kubelet.conf')).toBeUndefined();
  await node[Symbol.asyncDispose]();
});

it('an unjoined node does not remember a stick that was taken out', async () => {
  node = await NodeFolder.make();
  node.lease();
  node.seed('apiVersion: kios.dev/v1\nkind: NodeBootstrap\nnode: {name: lonely}\n');
  await run();
  node.remove('run/kios/seed/cidata');
  expect((await run()).input).toBeUndefined();
  await node[Symbol.asyncDispose]();
});
