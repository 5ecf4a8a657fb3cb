import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { expect, it } from 'vitest';

import { digestOf, Tree } from '../../../../src/build/formats/tree.ts';
import { addFolder, storedFile } from '../../../../src/build/image/stored-files.ts';
import { modeOf, origin } from '../../../support/trees.ts';

it('adds a folder of the workstation with its links; of a mode it keeps the execute bit', async () => {
  const dir = await mkdtemp(path.join(tmpdir(), 'kios-tree-'));
  try {
    await mkdir(path.join(dir, 'sub'), { mode: 0o700 });
    await writeFile(path.join(dir, 'sub/plain'), 'p', { mode: 0o600 });
    await writeFile(path.join(dir, 'run'), 'r');
    await chmod(path.join(dir, 'run'), 0o4775);
    await symlink('/nowhere', path.join(dir, 'link'));
    const tree = new Tree();
    await addFolder(tree, '/at', dir, origin);
    expect(tree.sorted().map(([where]) => where)).toEqual([
      '/at',
      '/at/link',
      '/at/run',
      '/at/sub',
      '/at/sub/plain',
    ]);
    expect(modeOf(tree, '/at/sub')).toBe('755');
    expect(modeOf(tree, '/at/sub/plain')).toBe('644');
    expect(modeOf(tree, '/at/run')).toBe('755');
    expect(new Map(tree.sorted()).get('/at/link')).toMatchObject({ target: '/nowhere' });
  } finally {
    await rm(dir, { recursive: true });
  }
});

it('gives equal content one digest, in memory or in a file, and sees that a file changed', async () => {
  const dir = await mkdtemp(path.join(tmpdir(), 'kios-tree-'));
  try {
    const file = path.join(dir, 'x');
    await writeFile(file, 'abc');
    const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
    expect(await digestOf(storedFile(file))).toBe(abc);
    expect(await digestOf({ bytes: Buffer.from('abc') })).toBe(abc);
    await writeFile(file, 'abcd');
    expect(await digestOf(storedFile(file))).not.toBe(abc);
  } finally {
    await rm(dir, { recursive: true });
  }
});
