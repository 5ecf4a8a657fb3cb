import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { readManifests } from '../../../../src/build/manifests/read.ts';
import { stampManifests } from '../../../../src/build/manifests/stamp.ts';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-manifests-'));
});
afterEach(() => rm(dir, { recursive: true }));

async function write(...names: readonly string[]): Promise<void> {
  for (const name of names) await writeFile(path.join(dir, name), `metadata: { name: ${name} }`);
}

it('reads every file by name, including one that is not a manifest, for the check to report', async () => {
  await write('b.yaml', 'a.yml', 'README.md');
  expect((await readManifests(dir)).map(({ name }) => name)).toEqual([
    'README.md',
    'a.yml',
    'b.yaml',
  ]);
});

it('reads a .yml file, which ships as .yaml', async () => {
  await write('x.yml', 'y.yaml');
  expect([...stampManifests(await readManifests(dir), new Map()).keys()]).toEqual([
    'x.yaml',
    'y.yaml',
  ]);
});

it('leaves out hidden files, such as editors make', async () => {
  await write('.a.yaml.swp');
  expect(await readManifests(dir)).toEqual([]);
});

it('names a folder that is missing, and one in the place of a file', async () => {
  const missing = path.join(dir, 'missing');
  const fault = /^read .*missing$/;
  await expect(readManifests(missing)).rejects.toThrow(fault);
  await mkdir(missing);
  await expect(readManifests(dir)).rejects.toThrow(fault);
});
