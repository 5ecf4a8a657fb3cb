import { describe, expect, it } from 'vitest';

import { compareCa } from '../../src/core/cluster/ca-change.ts';

describe('with b vouched for', () => {
  it.each([
    [['a'], ['a'], undefined, [], false],
    [['a', 'b'], ['b', 'a'], undefined, [], false],
    [['a', 'b'], ['b'], ['b'], [], false],
    [['a'], ['a', 'c'], undefined, ['c'], false],
    [['a'], ['c'], undefined, ['c'], true],
    [['a'], ['a', 'b'], ['a', 'b'], [], false],
    [['a'], ['b', 'c'], ['b'], ['c'], false],
    [['a'], [], undefined, [], true],
    [['a'], ['a', 'a'], undefined, [], false],
    [['a'], ['a', 'c', 'c'], undefined, ['c'], false],
  ])(
    'of %j and the published %j the next is %j',
    (present, published, next, unproven, isForeign) => {
      const change = compareCa(present, published, (certificate) => certificate === 'b');
      expect(change).toEqual({ ca: next, unproven, isForeign });
    },
  );
});
