import path from 'node:path';

import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import { Tree } from '../../../../src/build/formats/tree.ts';
import { anyFiles, modeOf, origin, treeOf } from '../../../support/trees.ts';

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
