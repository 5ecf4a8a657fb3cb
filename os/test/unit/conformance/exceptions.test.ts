import { describe, expect, it } from 'vitest';

import {
  causesOf,
  type Exception,
  parseExceptions,
  readExceptions,
} from '../../../src/conformance/exceptions.ts';

const CODE = 'KIOS_CONFORMANCE_EXCEPTIONS';
const cause = 'A stand-in.';
const ALL = ['[sig-node] Pods should run', '[sig-node] Pods should run again', '[sig-apps] Jobs'];

describe('a file of exceptions', () => {
  it('may be empty', () => {
    expect(parseExceptions('# nothing\n[]\n')).toEqual([]);
  });

  it('has names of specs, and patterns with the number of specs that they take', () => {
    const text = `
- spec: '[sig-apps] Jobs'
  cause: One sentence.
- pattern: '.* again'
  cause: One sentence.
- pattern: '\\[sig-node\\] .*'
  specs: 2
  cause: One sentence.
`;
    expect(parseExceptions(text)).toEqual([
      { spec: '[sig-apps] Jobs', cause: 'One sentence.' },
      { pattern: '.* again', specs: 1, cause: 'One sentence.' },
      { pattern: String.raw`\[sig-node\] .*`, specs: 2, cause: 'One sentence.' },
    ]);
  });

  it.each([
    ['nothing at all', '# nothing\n'],
    ['a mapping', 'spec: a\ncause: b\n'],
    ['no cause', '- spec: a\n'],
    ['an empty name', "- spec: ''\n  cause: b\n"],
    ['a name and a pattern', '- spec: a\n  pattern: a\n  cause: b\n'],
    ['a number of specs that is none', '- pattern: a\n  specs: 0\n  cause: b\n'],
  ])('is refused with %s', (_, text) => {
    expect(() => parseExceptions(text)).toThrow(expect.objectContaining({ code: CODE }));
  });

  it('that ships can be read, and each of its causes is a sentence', async () => {
    const causes = (await readExceptions()).map((exception) => exception.cause);
    expect(causes.filter((text) => !text.endsWith('.'))).toEqual([]);
  });
});

describe('the causes of a suite', () => {
  const pattern = (text: string, specs = 1): Exception => ({ pattern: text, specs, cause });

  it('are of the very name', () => {
    expect(causesOf([{ spec: '[sig-node] Pods should run', cause }], ALL)).toEqual(
      new Map([['[sig-node] Pods should run', cause]]),
    );
  });

  it('are of the whole names that a pattern takes', () => {
    expect([...causesOf([pattern('.* Pods should run')], ALL).keys()]).toEqual([ALL[0]]);
    expect([...causesOf([pattern('.* Pods .*', 2)], ALL).keys()]).toEqual(ALL.slice(0, 2));
    expect([...causesOf([pattern(String.raw`\[sig-apps\] Jobs|x`)], ALL).keys()]).toEqual([ALL[2]]);
  });

  it.each<[string, readonly Exception[], RegExp]>([
    ['a part of a name', [{ spec: 'Pods', cause }], /takes 0 specs/],
    ['a pattern of a part of a name', [pattern('Pods')], /takes 0 specs/],
    ['a pattern of more specs than it says', [pattern('.* Pods .*')], /takes 2 specs/],
    ['a pattern of fewer specs than it says', [pattern('.* Jobs', 2)], /takes 1 specs/],
    ['a pattern that is none', [pattern('[sig-node')], /no regular expression/],
    ['two of one spec', [{ spec: '[sig-apps] Jobs', cause }, pattern('.* Jobs')], /twice/],
  ])('are refused with %s', (_, exceptions, message) => {
    const use = () => causesOf(exceptions, ALL);
    expect(use).toThrow(expect.objectContaining({ code: CODE }));
    expect(use).toThrow(message);
  });
});
