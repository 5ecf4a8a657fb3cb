import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import { addFolder, digestOf, Tree } from '../../../../src/build/formats/tree.ts';
import { anyFiles, origin, treeOf } from '../../../support/trees.ts';

const modeOf = (tree: Tree, where: string): string => {
  const entry = new Map(tree.sorted()).get(where);
  return entry === undefined || entry.type === 'symlink' ? '' : entry.mode.toString(8);
};

it('makes the folders above an entry', () => {
  const tree = new Tree().text('/a/b/c', '', origin);
  expect(tree.sorted().map(([where, { type }]) => [where, type])).toEqual([
    ['/a', 'directory'],
    ['/a/b', 'directory'],
    ['/a/b/c', 'file'],
  ]);
});

it('leaves a folder that is there as it is', () => {
  const tree = new Tree().directory('/tmp', 0o1777).text('/tmp/x', '', origin);
  expect(modeOf(tree, '/tmp')).toBe('1777');
});

it.each(['relative', '/', '..', '../up', ''])('refuses the path %j', (where) => {
  expect(() => new Tree().directory(where)).toThrow(/KIOS_TREE|not an absolute path/);
});

it('cannot be left upwards', () => {
  expect(new Tree().text('/a/../../b', '', origin).sorted()[0]![0]).toBe('/b');
});

it('sorts parents before what they hold, whatever the order of adding', () => {
  fc.assert(
    fc.property(anyFiles, (files) => {
      const reversed = Object.fromEntries(Object.entries(files).toReversed());
      const order = treeOf(files)
        .sorted()
        .map(([where]) => where);
      expect(
        treeOf(reversed)
          .sorted()
          .map(([where]) => where),
      ).toEqual(order);
      const early = order.filter((where, index) => {
        const parent = path.posix.dirname(where);
        return parent !== '/' && !order.slice(0, index).includes(parent);
      });
      expect(early).toEqual([]);
    }),
  );
});

it('is put below another with everything it holds', () => {
  const tree = new Tree().graft('/store', new Tree().text('/a/b', 'x', origin));
  expect(tree.has('/store/a/b')).toBe(true);
  expect(tree.has('/a')).toBe(false);
});

it('reads a folder of the host: links as they are, of a mode only the execute bit', async () => {
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

it('has one digest for equal content, in memory or in a file, and notices that a file changed', async () => {
  const dir = await mkdtemp(path.join(tmpdir(), 'kios-tree-'));
  try {
    const file = path.join(dir, 'x');
    await writeFile(file, 'abc');
    const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
    expect(await digestOf({ file })).toBe(abc);
    expect(await digestOf({ bytes: Buffer.from('abc') })).toBe(abc);
    await writeFile(file, 'abcd');
    expect(await digestOf({ file })).not.toBe(abc);
  } finally {
    await rm(dir, { recursive: true });
  }
});
