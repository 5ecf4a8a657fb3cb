import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, it, vi } from 'vitest';

import { readBolt } from '../../src/build/formats/bolt-reader.ts';
import { type Bucket, encodeBolt } from '../../src/build/formats/bolt.ts';
import { COMPONENTS, readGoMod } from '../../src/build/sources/upstream/components.ts';
import { ensureGo } from '../../src/build/sources/upstream/go-toolchain.ts';
import { silent } from '../../src/workstation/progress.ts';
import { run } from '../../src/workstation/run.ts';
import { readPlain, writtenPlain } from '../support/bolt-plain.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 300_000 });

const MODULE = 'go.etcd.io/bbolt';
const bucket = (entries: readonly (readonly [string, Uint8Array | Bucket])[]): Bucket => ({
  sequence: entries.length,
  entries: new Map(entries),
});

/** More than a node has: inline buckets and others, several pages, keys of any bytes, empty values. */
const many = (count: number): Bucket =>
  bucket(
    Array.from({ length: count }, (_, index) => [
      `sha256:${index}`,
      bucket([
        ['size', Buffer.from([index & 0xff])],
        ['labels', bucket([[`containerd.io/${index}`, Buffer.from('x'.repeat(index))]])],
      ]),
    ]),
  );
const root = bucket([
  ['v1', bucket([['k8s.io', bucket([['blob', many(500)]])]])],
  ['parents', bucket([[Buffer.from([1, 0, 255]).toString('latin1'), new Uint8Array()]])],
  ['empty', bucket([])],
  ['large', bucket([['value', Buffer.alloc(70_000, 5)]])],
]);

let dir = '';
let bbolt: (...args: string[]) => Promise<string>;

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-bolt-'));
  await writeFile(path.join(dir, 'ours.db'), encodeBolt(root));
  const go = await ensureGo(silent);
  const containerd = COMPONENTS.find((component) => component.dir === 'containerd')!;
  // containerd is built with this version.
  const version = (await readGoMod(containerd)).versions.get(MODULE);
  await run(go, ['install', `${MODULE}/cmd/bbolt@${version}`], {
    env: { GOBIN: dir, CGO_ENABLED: '0' },
  });
  bbolt = (...args) => run(path.join(dir, 'bbolt'), args, { cwd: dir });
});
afterAll(() => rm(dir, { recursive: true, force: true }));

it('passes the check of bbolt', async () => {
  expect(await bbolt('check', 'ours.db')).toBe('OK');
});

it('is copied by bbolt key by key with the same content', async () => {
  await bbolt('compact', '-o', 'copy.db', 'ours.db');
  const copy = readBolt(await readFile(path.join(dir, 'copy.db')));
  expect(readPlain(copy.root)).toEqual(writtenPlain(root));
  expect(copy.sequences.get('/v1/k8s.io/blob')).toBe(500n);
});

it('has buckets that bbolt lists', async () => {
  expect((await bbolt('buckets', 'ours.db')).split('\n')).toEqual([
    'empty',
    'large',
    'parents',
    'v1',
  ]);
});
