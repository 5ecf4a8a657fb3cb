import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { pathsBelow } from '../../../src/workstation/paths-below.ts';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-tree-'));
});
afterEach(() => rm(dir, { recursive: true }));

it('follows no link, neither out of the folder nor into a circle', async () => {
  await mkdir(path.join(dir, 'lib/modules'), { recursive: true });
  await writeFile(path.join(dir, 'lib/modules/a.ko'), '');
  await writeFile(path.join(dir, 'Lib'), '');
  for (const [name, target] of [
    ['out', '/etc'],
    ['circle', '.'],
    ['folder', 'lib/modules'],
    ['file', 'lib/modules/a.ko'],
  ] as const)
    await symlink(target, path.join(dir, name));
  expect(await pathsBelow(dir)).toEqual({
    files: ['Lib', 'lib/modules/a.ko'],
    folders: ['lib', 'lib/modules'],
  });
});
