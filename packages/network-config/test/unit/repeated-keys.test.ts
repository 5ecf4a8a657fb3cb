import { describe, expect, it } from 'vitest';
import { parseDocument } from 'yaml';

import { repeatedKeys } from '../../src/document/repeated-keys.ts';
import { readNetworkConfig } from '../../src/index.ts';

const repeated = (text: string): readonly unknown[] =>
  repeatedKeys(parseDocument(text, { uniqueKeys: false, merge: true })).map(({ value }) => value);

describe('a key that stands a second time in its map', () => {
  it.each([
    ['a: 1\nb: 2', []],
    ['a: {b: 1}\nc: {b: 2}', []],
    ['a: 1\n1: a\n"1": b', []],
    ['<<: {a: 1}\n<<: {a: 2}', []],
    ['a: 1\nb: 2\na: 3\na: 4', ['a', 'a']],
    ['x: [{a: 1, "a": 2}]', ['a']],
  ])('in %j', (text, keys) => {
    expect(repeated(text)).toEqual(keys);
  });

  it('is a fault of a network file, with its line', () => {
    const text = 'network:\n  version: 2\n  ethernets: {}\n  version: 2\n';
    expect(readNetworkConfig(text)).toMatchObject({
      ok: false,
      faults: [
        {
          line: 4,
          path: '(top)',
          what: 'is not YAML: repeats a key of the same object',
        },
      ],
    });
  });
});
