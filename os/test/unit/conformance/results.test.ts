import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { junit } from '../../../src/conformance/junit.ts';
import { Results } from '../../../src/conformance/results.ts';
import { notRun, type Outcome } from '../../../src/conformance/specs.ts';

const outcome = (name: string, more: Partial<Outcome> = {}): Outcome => ({
  name,
  state: 'passed',
  seconds: 2,
  message: '',
  ...more,
});

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kios-results-'));
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

const NAMES = ['a', 'b', 'c', 'd'];
const MIXED = [
  outcome('a'),
  outcome('b', { state: 'failed', message: 'no' }),
  outcome('c', { state: 'skipped', message: 'not here' }),
];

it('a run goes on where it was interrupted: what failed or was skipped has a result too', async () => {
  await (await Results.open(folder, 'image 1')).add(MIXED);
  const again = await Results.open(folder, 'image 1');
  expect(again.due(NAMES)).toEqual(['d']);
  expect(again.of(['c', 'b', 'a'])).toEqual(MIXED.toReversed());
});

it('a later outcome counts', async () => {
  const results = await Results.open(folder, 'image 1');
  await results.add(MIXED);
  await results.add([outcome('b')]);
  expect((await Results.open(folder, 'image 1')).of(['b'])).toEqual([outcome('b')]);
});

it('a run that begins anew and is interrupted goes on without the old results', async () => {
  await (await Results.open(folder, 'image 1')).add(MIXED);
  const anew = await Results.open(folder, 'image 1');
  await anew.forget(['a', 'b']);
  await anew.add([outcome('a')]);
  const next = await Results.open(folder, 'image 1');
  expect(next.due(NAMES)).toEqual(['b', 'd']);
});

it('a spec that was not run has failed, and is due in the next run', async () => {
  const results = await Results.open(folder, 'image 1');
  await results.add([...MIXED, notRun('d', 'BeforeSuite: no')]);
  expect(results.of(['d'])).toEqual([notRun('d', 'BeforeSuite: no')]);
  expect((await Results.open(folder, 'image 1')).due(NAMES)).toEqual(['d']);
});

it('no spec is without an outcome', async () => {
  const results = await Results.open(folder, 'image 1');
  await results.add([outcome('a')]);
  expect(results.of(['a', 'b'])).toMatchObject([
    { name: 'a', state: 'passed' },
    { name: 'b', state: 'failed', notRun: true },
  ]);
});

it('outcomes of another image do not count', async () => {
  await (await Results.open(folder, 'image 1')).add([outcome('a')]);
  expect((await Results.open(folder, 'image 2')).due(['a'])).toEqual(['a']);
});

it('a broken file is as none', async () => {
  await writeFile(path.join(folder, 'results.json'), '{"key": ');
  expect((await Results.open(folder, 'image 1')).due(['a'])).toEqual(['a']);
});

it('JUnit’s form escapes what XML does not have', () => {
  const message = 'expected <nil> & "x"\nsecond \u0000line';
  const text = junit([outcome('a'), outcome('b & c', { state: 'failed', message })]);
  expect(text).toContain('tests="2" failures="1" skipped="0" time="4.000"');
  expect(text).toContain(
    'name="b &amp; c" time="2.000"><failure message="expected &lt;nil&gt; &amp; &quot;x&quot;">',
  );
  expect(text).toContain('second line</failure>');
});
