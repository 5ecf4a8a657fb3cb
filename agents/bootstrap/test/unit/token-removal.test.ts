import path from 'node:path';

import { expect, it, vi } from 'vitest';

import type { ApiServer } from '../../src/edge/cluster/api-server.ts';
import { joinNode } from '../../src/verbs/join.ts';
import { CA_A, CLIENT } from '../support/fixtures.ts';
import { testLogger } from '../support/logger.ts';
import { clusterDocument, NodeFolder } from '../support/node-folder.ts';

/** What reaches the disk and what leaves it, in this order. */
const { calls } = vi.hoisted(() => ({ calls: [] as string[] }));

vi.mock(import('node:fs/promises'), async (load) => {
  const fs = await load();
  const open: typeof fs.open = async (file, flags, mode) => {
    const handle = await fs.open(file, flags, mode);
    const sync = handle.sync.bind(handle);
    handle.sync = async () => {
      calls.push(`sync ${String(file)}`);
      await sync();
    };
    return handle;
  };
  const rm: typeof fs.rm = async (file, options) => {
    calls.push(`remove ${String(file)}`);
    await fs.rm(file, options);
  };
  return { ...fs, open, rm };
});

const api: ApiServer = { get: async () => Promise.resolve({ status: 200, body: '{}' }) };
const silent = testLogger();

it('kubelet’s identity is on the disk before the token leaves it', async () => {
  await using node = await NodeFolder.make();
  const signal = new AbortController().signal;
  const run = async () =>
    joinNode({ settings: node.settings, log: silent, signal, openApi: () => api });
  node.seed(clusterDocument('https://127.0.0.1:6443', { ca: CA_A }));
  node.lease();
  await run();
  node.kubeletJoins(CLIENT);
  calls.length = 0;
  await run();
  const { etc, kubeletPki } = node.settings;
  const folder = path.join(etc, 'kubernetes');
  const removed = calls.indexOf(`remove ${path.join(folder, 'bootstrap-kubelet.conf')}`);
  expect(removed).not.toBe(-1);
  expect(calls.slice(0, removed)).toEqual(
    expect.arrayContaining([
      `sync ${path.join(kubeletPki, 'kubelet-client-current.pem')}`,
      `sync ${kubeletPki}`,
      `sync ${path.join(folder, 'kubelet.conf')}`,
      `sync ${folder}`,
    ]),
  );
});
