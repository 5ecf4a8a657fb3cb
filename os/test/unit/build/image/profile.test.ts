import { expect, it } from 'vitest';

import { Tree } from '../../../../src/build/formats/tree.ts';
import { partsOf } from '../../../../src/build/image/mixed-root.ts';
import {
  formatProfile,
  pagesOf,
  parseProfile,
  prefetchList,
  type Profile,
  profiled,
  runsOf,
} from '../../../../src/build/image/profile.ts';
import { sha256 } from '../../../../src/workstation/digest.ts';
import { type Progress, silent } from '../../../../src/workstation/progress.ts';

const ORIGIN = { name: 'test', version: '1', kind: 'kios' } as const;
const run = (first: number, count: number) => ({ first, count });

const PROFILE: Profile = [
  { path: '/bin/one', sha256: 'a'.repeat(64), first: [run(0, 2), run(9, 1)], all: [run(0, 12)] },
  { path: '/bin/two', sha256: 'b'.repeat(64), first: [], all: [run(700, 30)] },
];

it('runs and pages are two forms of one thing', () => {
  const runs = runsOf([0, 1, 2, 5, 9]);
  expect(runs).toEqual([run(0, 3), run(5, 1), run(9, 1)]);
  expect([...pagesOf(runs)]).toEqual([0, 1, 2, 5, 9]);
});

it('pages a gap apart are in one run', () => {
  expect(runsOf([0, 3, 8], 2)).toEqual([run(0, 4), run(8, 1)]);
  expect(runsOf([0, 3, 8], 4)).toEqual([run(0, 9)]);
  expect(runsOf([])).toEqual([]);
});

it('a profile is read as it was written', () => {
  expect(parseProfile(formatProfile(PROFILE), 'p')).toEqual(PROFILE);
  expect(parseProfile('', 'p')).toEqual([]);
});

it.each([
  ['a line of another kind', 'folder /bin x\nfirst\nall\n'],
  ['no digest', 'file /bin/one\nfirst\nall\n'],
  ['a run that is none', 'file /bin/one a\nfirst 1-2\nall\n'],
  ['an empty run', 'file /bin/one a\nfirst\nall 1+0\n'],
  ['an end too early', 'file /bin/one a\nfirst\n'],
])('refuses %s', (_, text) => {
  expect(() => parseProfile(text, 'os/profile/amd64')).toThrow(/os\/profile\/amd64/);
});

const said: string[] = [];
const progress: Progress = { ...silent, info: (line) => said.push(line) };

it('files are known by their content, wherever they lie', async () => {
  const tree = new Tree().text('/elsewhere/one', 'one', ORIGIN).text('/second', 'one', ORIGIN);
  const known = { ...PROFILE[0]!, sha256: sha256('one') };
  said.length = 0;
  expect(await profiled(tree, [known], progress)).toEqual([{ ...known, path: '/elsewhere/one' }]);
  expect(said).toEqual([]);
});

it('says which files have changed since', async () => {
  said.length = 0;
  expect(await profiled(new Tree(), PROFILE, progress)).toEqual([]);
  expect(said).toEqual([expect.stringContaining('/bin/one, /bin/two')]);
});

it('the list of init has what the first pod touches, in few pieces', () => {
  const list = prefetchList(
    [{ ...PROFILE[0]!, first: [run(0, 2), run(5, 1), run(90, 1)] }, PROFILE[1]!],
    4,
  );
  expect(list).toBe('read-ahead 4\n/bin/one 0+6 90+1\n');
});

it('parts are the whole file, in turn touched and not', () => {
  expect(partsOf([run(0, 2), run(20, 1)], 40)).toEqual([
    { first: 0, count: 2, isTouched: true },
    { first: 2, count: 18, isTouched: false },
    { first: 20, count: 1, isTouched: true },
    { first: 21, count: 19, isTouched: false },
  ]);
  expect(partsOf([], 7)).toEqual([{ first: 0, count: 7, isTouched: false }]);
  expect(partsOf([run(1, 6)], 7)).toEqual([
    { first: 0, count: 1, isTouched: false },
    { first: 1, count: 6, isTouched: true },
  ]);
});
