import { readFileSync, readlinkSync, statSync } from 'node:fs';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { BootstrapError } from '../../src/core/faults/errors.ts';
import type { Settings } from '../../src/core/settings/settings.ts';
import type { ApiServer } from '../../src/edge/cluster/api-server.ts';
import { joinNode, type Outcome } from '../../src/verbs/join.ts';
import { renderPlan } from '../../src/verbs/render.ts';
import { testLogger } from '../support/logger.ts';
import { clusterDocument, NodeFolder, TOKEN } from '../support/node-folder.ts';

const fixture = (name: string): string =>
  readFileSync(path.join(import.meta.dirname, '../support/fixtures', name), 'utf8');
const CA_A = fixture('ca-a.crt');
const CA_B = fixture('ca-b.crt');

let node: NodeFolder;
let calls: string[] = [];
let answer: () => number = () => 200;
let events: { readonly ev: string }[] = [];

const api: ApiServer = {
  get: async ({ path: where }) => {
    calls.push(where);
    return Promise.resolve({ status: answer(), body: '{}' });
  },
};
const isEvent = (value: unknown): value is { ev: string } =>
  typeof value === 'object' && value !== null && 'ev' in value;
const log = testLogger({
  stdout: (line) => {
    const event: unknown = JSON.parse(line);
    if (isEvent(event)) events.push(event);
  },
});

beforeEach(async () => {
  node = await NodeFolder.make();
  calls = [];
  events = [];
  answer = () => 200;
});

afterEach(async () => {
  vi.useRealTimers();
  await node[Symbol.asyncDispose]();
});

async function run(change: Partial<Settings> = {}): Promise<Outcome> {
  const settings = { ...node.settings, ...change };
  const signal = new AbortController().signal;
  const { outcome } = await joinNode({ settings, log, signal, openApi: () => api });
  return outcome;
}

const document = (ca: string, endpoint = 'https://127.0.0.1:6443'): string =>
  clusterDocument(endpoint, { ca });

const names = (): string[] => events.map(({ ev }) => ev);

const kubeletJoins = (): void => node.kubeletJoins(fixture('client.crt'));

async function joinedNode(): Promise<void> {
  node.seed(document(CA_A));
  node.lease();
  await run();
  kubeletJoins();
  await run();
  calls = [];
  events = [];
  node.sent.length = 0;
}

it('a node without a document stays standalone and untouched', async () => {
  expect(await run()).toBe('standalone');
  expect(node.read('etc/hostname')).toBeUndefined();
  expect(node.sent).toEqual([]);
});

it('a join writes files and sends one byte; the token leaves the disk without another byte', async () => {
  node.seed(document(CA_A));
  node.lease();
  expect(await run()).toBe('pending');
  expect(node.sent).toEqual(['03']);
  expect(calls).toEqual(['/version']);
  const secret = path.join(node.settings.etc, 'kubernetes/bootstrap-kubelet.conf');
  expect(statSync(secret).mode & 0o777).toBe(0o600);
  kubeletJoins();
  expect(await run()).toBe('joined');
  expect(node.read('etc/kubernetes/bootstrap-kubelet.conf')).toBeUndefined();
  expect(node.sent).toEqual(['03']);
  expect(calls).toEqual(['/version']);
});

const nodeIp = (): string | undefined => node.read('etc/kubernetes/node-ip');

describe('a network with IPv6', () => {
  const V6 = '20010db800000000505400fffe123456';

  it('beside a lease gives the node both addresses', async () => {
    node.seed(document(CA_A));
    node.route6(V6);
    node.lease();
    await run();
    expect(nodeIp()).toBe('10.0.2.15,2001:db8::5054:ff:fe12:3456\n');
  });

  it('without a lease lets the node join, under the name that init derived', async () => {
    node.seed(document(CA_A), 'instance-id: i-1\n');
    node.route6(V6);
    await run({ leaseGraceSeconds: 0.1 });
    expect(nodeIp()).toBe('2001:db8::5054:ff:fe12:3456\n');
    expect(names()).toEqual(expect.arrayContaining(['lease.none', 'restart.sent']));
    expect(node.read('etc/hostname')).toBeUndefined();
  });

  it('whose router is faster than the DHCP server still waits for the lease', async () => {
    node.seed(document(CA_A));
    node.route6(V6);
    const joining = run({ leaseGraceSeconds: 60 });
    await vi.waitFor(() => expect(names()).toContain('lease.wait'));
    node.lease();
    await joining;
    expect(nodeIp()).toBe('10.0.2.15,2001:db8::5054:ff:fe12:3456\n');
    expect(names()).not.toContain('lease.none');
  });

  it('is not waited for a lease where the network file has IPv6 alone', async () => {
    node.seed(document(CA_A));
    node.networkFile(false);
    node.route6(V6);
    await run({ leaseGraceSeconds: 3600 });
    expect(nodeIp()).toBe('2001:db8::5054:ff:fe12:3456\n');
  });

  it('without a way out gives the node its address, where there is no IPv4', async () => {
    node.seed(document(CA_A));
    node.networkFile(false);
    node.prefix6(V6);
    await run();
    expect(nodeIp()).toBe('2001:db8::5054:ff:fe12:3456\n');
  });

  it('without a way out adds nothing to a lease', async () => {
    node.seed(document(CA_A));
    node.prefix6(V6);
    node.lease();
    await run();
    expect(nodeIp()).toBe('10.0.2.15\n');
  });

  it('without a way out does not stand in for the lease of a node that had one', async () => {
    node.seed(document(CA_A));
    node.prefix6(V6);
    node.lease();
    await run();
    node.remove('run/kios/net/eth0.json');
    await run();
    expect(nodeIp()).toBe('10.0.2.15\n');
  });

  it('whose prefix changes costs one restart with the new address', async () => {
    node.route6(V6);
    await joinedNode();
    node.route6(V6.replace('20010db80000', '20010db80001'));
    await run();
    expect(nodeIp()).toBe('10.0.2.15,2001:db8:1:0:5054:ff:fe12:3456\n');
    expect([calls, node.sent]).toEqual([[], ['03']]);
  });
});

describe('a configured node', () => {
  beforeEach(joinedNode);

  it.each([
    ['runs again', () => {}],
    [
      'boots again, before any lease',
      () => {
        node.boot({ bootId: 'boot-2', mode: 'cluster' });
        node.remove('run/kios/net/eth0.json');
      },
    ],
    ['lost its seed', () => node.remove('run/kios/seed/cidata')],
    [
      'was given another token',
      () => {
        node.seed(document(CA_A).replace(TOKEN, 'zzzzzz.0123456789abcdef'));
      },
    ],
    [
      'is given another name by its platform',
      () => {
        node.seed(document(CA_A), 'instance-id: i-1\nlocal-hostname: other\n');
      },
    ],
  ])('that %s uses no network, writes nothing and sends no byte', async (_name, change) => {
    change();
    const before = statSync(path.join(node.settings.stateDir, 'state.json')).ino;
    expect(await run()).toBe('joined');
    expect(calls).toEqual([]);
    expect(names()).toEqual([]);
    expect(node.sent).toEqual([]);
    expect(statSync(path.join(node.settings.stateDir, 'state.json')).ino).toBe(before);
    expect(node.read('etc/hostname')).toBe('node-1\n');
  });

  it('follows the address of its lease, without asking the network', async () => {
    node.lease('10.0.2.99/24');
    expect(await run()).toBe('joined');
    expect(node.read('etc/kubernetes/node-ip')).toBe('10.0.2.99\n');
    expect(node.sent).toEqual(['03']);
    expect(calls).toEqual([]);
  });

  it('follows at most one address in five minutes', async () => {
    node.lease('10.0.2.99/24');
    await run();
    node.lease('10.0.2.98/24');
    expect(await run()).toBe('joined');
    expect([nodeIp(), node.sent]).toEqual(['10.0.2.99\n', ['03']]);
    const state = 'var/lib/kios/bootstrap/state.json';
    node.write(
      state,
      (node.read(state) ?? '').replace(/"readdressed":[\d.]+/, '"readdressed":-300'),
    );
    await run();
    expect([nodeIp(), node.sent]).toEqual(['10.0.2.98\n', ['03', '03']]);
  });

  it('requests at most three restarts in ten minutes', async () => {
    for (const ca of ['one', 'two']) {
      node.write('etc/kubernetes/pki/ca.crt', ca);
      await run();
    }
    node.write('etc/kubernetes/pki/ca.crt', 'three');
    await expect(run()).rejects.toMatchObject({ code: 'KIOS_BOOTSTRAP_RESTART_LOOP' });
    expect(node.sent).toHaveLength(2);
  });

  it('repairs a file that was changed', async () => {
    node.write('etc/kubernetes/pki/ca.crt', CA_B);
    await run();
    expect(node.read('etc/kubernetes/pki/ca.crt')).toBe(CA_A);
    expect(node.sent).toEqual(['03']);
  });

  it('whose certificate expired gets its token again, under its name', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.parse('2040-01-01') });
    node.seed(document(CA_A), 'instance-id: i-1\nlocal-hostname: node-1\n');
    expect(await run()).toBe('pending');
    expect(node.read('etc/kubernetes/bootstrap-kubelet.conf')).toContain(TOKEN);
    expect(node.read('etc/kubernetes/kubelet.conf')).toBeDefined();
  });

  it.each([
    ['for another cluster', () => node.seed(document(CA_B, 'https://127.0.0.1:7443'))],
    ['on a copied disk', () => node.seed(document(CA_A), 'instance-id: i-2\n')],
  ])('%s sets its old certificate aside and joins anew', async (_name, change) => {
    change();
    expect(await run()).toBe('pending');
    expect(node.read('etc/kubernetes/kubelet.conf')).toBeUndefined();
    expect(node.read('etc/kubernetes/kubelet.conf.old')).toBeDefined();
    const aside = `${node.settings.kubeletPki}/kubelet-client-current.pem.old`;
    expect(readlinkSync(aside)).toBe('kubelet-client-1.pem');
    expect(node.read('etc/kubernetes/bootstrap-kubelet.conf')).toContain(TOKEN);
    expect(node.sent).toEqual(['03']);
  });
});

/** The cluster's files on disk, and the bytes sent for kubelet. */
const leftovers = (): readonly (string | undefined)[] => [
  node.read('etc/hostname'),
  node.read('etc/kubernetes/pki/ca.crt'),
  ...node.sent,
];

describe('a fault', () => {
  beforeEach(() => {
    node.seed(document(CA_A));
    node.lease();
  });

  it('a rejected token writes nothing', async () => {
    answer = () => 401;
    await expect(run()).rejects.toMatchObject({ code: 'KIOS_BOOTSTRAP_TOKEN' });
    expect(leftovers()).toEqual([undefined, undefined]);
  });

  it('an unreachable API server does not delay a node that has the CA', async () => {
    answer = () => {
      throw new BootstrapError('KIOS_BOOTSTRAP_UNREACHABLE', 'reach it');
    };
    expect(await run()).toBe('pending');
    expect(names()).toContain('cluster.unverified');
    expect(node.sent).toEqual(['03']);
  });

  it('a bundle without the pinned CA is refused', async () => {
    const pins = [`sha256:${'1'.repeat(64)}`];
    node.seed(clusterDocument('https://127.0.0.1:6443', { ca: CA_A, pins }));
    await expect(run()).rejects.toMatchObject({ code: 'KIOS_BOOTSTRAP_UNTRUSTED' });
    expect(calls).toEqual([]);
    expect(leftovers()).toEqual([undefined, undefined]);
  });

  it('a read-only disk is found before anything changes, and kubelet is not restarted', async () => {
    node.remove('etc/kubernetes/kubelet.conf.d');
    node.write('etc/kubernetes/kubelet.conf.d', 'not a directory');
    await expect(run()).rejects.toMatchObject({ code: 'KIOS_BOOTSTRAP_WRITE' });
    expect(leftovers()).toEqual([undefined, undefined]);
  });

  it('with a missing control socket the files are written, and the next run sends the byte', async () => {
    const socket = path.join(node.root, 'absent.sock');
    await expect(run({ socket })).rejects.toMatchObject({ code: 'KIOS_CONTROL' });
    expect(node.read('etc/hostname')).toBe('node-1\n');
    expect(await run()).toBe('pending');
    expect(node.sent).toEqual(['03']);
  }, 15_000);
});

it('a standalone document sets name and kubelet fields, and no cluster', async () => {
  node.seed('apiVersion: kios.dev/v1\nkind: NodeBootstrap\nnode: {name: lonely, maxPods: 9}\n');
  node.lease();
  expect(await run()).toBe('standalone');
  expect(node.read('etc/hostname')).toBe('lonely\n');
  expect(node.read('etc/kubernetes/kubelet.conf.d/10-kios.conf')).toContain('maxPods: 9');
  expect(node.read('etc/kubernetes/kubelet.conf.d/20-cluster.conf')).toBeUndefined();
  expect(node.sent).toEqual(['03']);
  expect(calls).toEqual([]);
});

it('a rendering shows every file but not the secret', async () => {
  const cluster = clusterDocument('https://h', { pins: [`sha256:${'1'.repeat(64)}`] });
  const registries = '"registries":{"a.b":{"username":"node","password":"hunter2"}}';
  node.seed(cluster.replace(/\}\s*$/, `,${registries}}`));
  const signal = new AbortController().signal;
  const plan = await renderPlan({ settings: node.settings, log, signal });
  expect(plan.files).toHaveLength(13);
  expect(JSON.stringify(plan)).toContain('registries.a.b.username');
  expect(JSON.stringify(plan)).not.toMatch(new RegExp(`${TOKEN.slice(7)}|hunter2`));
  expect(node.read('etc/hostname')).toBeUndefined();
});

it('the kernel command line can exclude the seed', async () => {
  node.seed(document(CA_A));
  node.lease();
  node.write('cmdline', 'quiet kios.provider=none\n');
  expect(await run()).toBe('standalone');
  expect(calls).toEqual([]);
  expect(await run({ provider: 'nocloud' })).toBe('pending');
});

it('a word of a person’s file counts unless the kernel command line has it', async () => {
  node.seed(document(CA_A));
  node.lease();
  node.write('run/kios/host/arguments', 'kios.provider=none\n');
  expect(await run()).toBe('standalone');
  node.write('cmdline', 'quiet kios.provider=nocloud\n');
  expect(await run()).toBe('pending');
});
