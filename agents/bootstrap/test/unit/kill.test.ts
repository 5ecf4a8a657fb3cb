import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { clusterDocument, NodeFolder } from '../support/node-folder.ts';

const ca = (name: string): string =>
  readFileSync(path.join(import.meta.dirname, '../support/fixtures', name), 'utf8');
const PROGRAM = path.join(import.meta.dirname, '../support/kill-process.ts');

let node: NodeFolder;

beforeEach(async () => {
  node = await NodeFolder.make();
  node.lease();
});

afterEach(async () => {
  await node[Symbol.asyncDispose]();
});

/** A document whose endpoint refuses connections; with its CA given, the agent continues. */
const document = (name: string): string => clusterDocument('https://127.0.0.1:1', { ca: ca(name) });

async function join(step = 'none'): Promise<string> {
  const args = [PROGRAM, JSON.stringify(node.settings), step];
  const child = spawn(process.execPath, args, {
    stdio: 'ignore',
    env: { ...process.env, KIOS_CONSOLE: '/nonexistent' },
  });
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? String(code)));
  });
}

function tree(): Record<string, string> {
  const etc = node.settings.etc;
  const entries = readdirSync(etc, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const names = files.map((entry) => path.relative(etc, path.join(entry.parentPath, entry.name)));
  return Object.fromEntries(
    names.toSorted().map((name) => [name, readFileSync(path.join(etc, name), 'utf8')]),
  );
}

const STEPS = [
  'staged',
  'kubernetes/pki/ca.crt',
  'kubernetes/node-labels',
  'kubernetes/node-ip',
  'hostname',
  'kubernetes/kubelet.conf.d/10-kios.conf',
  'kubernetes/bootstrap-kubelet.conf',
  'kubernetes/kubelet.conf.d/20-cluster.conf',
];

const visible = (files: Record<string, string>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(files).filter(([name]) => !name.includes('/.') && name[0] !== '.'),
  );

/** The files that differ between the two documents below. */
const CHANGING = STEPS.filter((step) => !/hostname|10-kios|20-cluster/.test(step));

it.each(CHANGING)(
  'killed after %s, each file is old or new, and the next run completes',
  async (step) => {
    node.seed(document('ca-a.crt'));
    await join();
    const old = visible(tree());
    expect(node.sent).toEqual(['03']);
    node.startKubelet('cluster');

    node.seed(document('ca-b.crt').replace('a1', 'b2').replace('127.0.0.1:1', '127.0.0.1:2'));
    node.lease('10.0.2.77/24');
    expect(await join(step)).toBe('SIGKILL');
    const cut = visible(tree());
    expect(node.sent).toEqual(['03']);

    expect(await join()).toBe('0');
    const done = tree();
    expect(node.sent).toEqual(['03', '03']);
    for (const [name, content] of Object.entries(cut))
      expect([old[name], done[name]]).toContain(content);
    expect(done['kubernetes/node-ip']).toBe('10.0.2.77\n');
    expect(done['kubernetes/pki/ca.crt']).toBe(ca('ca-b.crt'));
    // The killed run left no temporary files.
    expect(visible(done)).toEqual(done);

    expect(await join()).toBe('0');
    expect(tree()).toEqual(done);
    expect(node.sent).toHaveLength(2);
  },
  120_000,
);

it.each(STEPS)(
  'killed after %s on a new node, kubelet can start with the files present',
  async (step) => {
    node.seed(document('ca-a.crt'));
    expect(await join(step)).toBe('SIGKILL');
    const files = tree();
    const isCluster = 'kubernetes/bootstrap-kubelet.conf' in files;
    // A standalone kubelet refuses webhook authentication; one in a cluster needs the CA of its kubeconfig.
    expect(!isCluster && 'kubernetes/kubelet.conf.d/20-cluster.conf' in files).toBe(false);
    expect(isCluster && !('kubernetes/pki/ca.crt' in files)).toBe(false);
    expect(await join()).toBe('0');
    expect(node.sent).toEqual(['03']);
  },
  120_000,
);
