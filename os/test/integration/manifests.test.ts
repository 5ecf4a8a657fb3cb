import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { buildImage } from '../../src/build/image/build-image.ts';
import { readCheckedManifests } from '../../src/build/manifests/check-folder.ts';
import { repository } from '../../src/workstation/paths.ts';
import { silent } from '../../src/workstation/progress.ts';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-manifests-'));
});
afterEach(() => rm(dir, { recursive: true }));

it.each(['manifests', 'bench/manifests'])(
  'the pods of %s have no fault',
  { timeout: 300_000 },
  async (folder) => {
    expect(await readCheckedManifests(silent, path.join(repository, folder))).not.toEqual([]);
  },
);

it('a build stops at a fault of a manifest and makes nothing', { timeout: 300_000 }, async () => {
  const [manifests, out] = [path.join(dir, 'manifests'), path.join(dir, 'out')];
  const file = path.join(await mkdtemp(manifests), 'bad.yml');
  await writeFile(file, 'apiVersion: apps/v1\nkind: Deployment\n');
  const request = { arch: 'amd64', progress: silent, manifests: path.dirname(file), out } as const;
  const fault = /^use .*bad\.yml: kind: is apps\/v1 Deployment/;
  await expect(buildImage(request)).rejects.toThrow(fault);
  expect(await readdir(out)).toEqual(['.lock']);
});
