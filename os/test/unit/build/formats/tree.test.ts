import path from 'node:path';

import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import { Tree } from '../../../../src/build/formats/tree.ts';
import { anyFiles, modeOf, origin, treeOf } from '../../../support/trees.ts';

it('adds the folders above an entry', () => {
  const tree = new Tree().text('/a/b/c', '', origin);
  expect(tree.sorted().map(([where, { type }]) => [where, type])).toEqual([
    ['/a', 'directory'],
    ['/a/b', 'directory'],
    ['/a/b/c', 'file'],
  ]);
});

it('does not change a folder that it has', () => {
  const tree = new Tree().directory('/tmp', 0o1777).text('/tmp/x', '', origin);
  expect(modeOf(tree, '/tmp')).toBe('1777');
});

it.each(['relative', '/', '..', '../up', ''])('rejects the path %j', (where) => {
  expect(() => new Tree().directory(where)).toThrow(/KIOS_TREE|not an absolute path/);
});

it('keeps paths with .. inside the root', () => {
  expect(new Tree().text('/a/../../b', '', origin).sorted()[0]![0]).toBe('/b');
});

it('sorts folders before their content, in whatever order they were added', () => {
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

it('is grafted below another with all of its entries', () => {
  const tree = new Tree().graft('/store', new Tree().text('/a/b', 'x', origin));
  expect(tree.has('/store/a/b')).toBe(true);
  expect(tree.has('/a')).toBe(false);
});
