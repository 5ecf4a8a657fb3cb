import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { fnmatch } from '../../src/core/index/fnmatch.ts';

describe('fnmatch', () => {
  it.each([
    ['virtio:d00000001v*', 'virtio:d00000001v00001AF4', true],
    ['virtio:d00000001v*', 'virtio:d00000002v00001AF4', false],
    ['*', '', true],
    ['', '', true],
    ['', 'a', false],
    ['a', '', false],
    ['?', '', false],
    ['a*b*c', 'a-b-b-c', true],
    ['a*b*c', 'a-b-b-d', false],
    ['a/*', 'a/b/c', true],
    ['*x', '.x', true],
    ['[0-9A-F]*', 'Fz', true],
    ['[0-9A-F]*', 'gz', false],
    ['[!a]', 'b', true],
    ['[^a]', 'a', false],
    ['[]a]', ']', true],
    ['[a-]', '-', true],
    ['[a', '[a', true],
    ['\\*', '*', true],
    ['\\*', 'a', false],
  ])('%j and %j: %s', (pattern, text, matches) => expect(fnmatch(pattern, text)).toBe(matches));

  it('comes to an end where a backtracking matcher does not', () => {
    expect(fnmatch('*a*a*a*a*a*a*a*a*a*a*b', 'a'.repeat(4000))).toBe(false);
  });

  it('matches every text that a pattern of pieces and stars allows', () => {
    const piece = fc.stringMatching(/^[a-z0-9:]*$/);
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1 }), fc.array(piece), (pieces, gaps) => {
        const text = pieces.map((each, at) => each + (gaps[at] ?? '')).join('');
        expect(fnmatch(`${pieces.join('*')}*`, text)).toBe(true);
        expect(fnmatch(text, text)).toBe(true);
      }),
    );
  });
});
