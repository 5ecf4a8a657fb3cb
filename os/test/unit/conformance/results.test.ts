import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { readExceptions } from '../../../src/conformance/exceptions.ts';
import { junit } from '../../../src/conformance/junit.ts';
import { Results } from '../../../src/conformance/results.ts';
import type { Outcome } from '../../../src/conformance/specs.ts';

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

it('a run goes on where it was interrupted', async () => {
  const first = await Results.open(folder, 'image 1');
  await first.add([outcome('a'), outcome('b', { state: 'failed', message: 'no' })]);
  await first.add([outcome('b')]);
  const again = await Results.open(folder, 'image 1');
  expect([again.get('a'), again.get('b'), again.get('c')]).toEqual([
    outcome('a'),
    outcome('b'),
    undefined,
  ]);
});

it('outcomes of another image do not count', async () => {
  await (await Results.open(folder, 'image 1')).add([outcome('a')]);
  expect((await Results.open(folder, 'image 2')).get('a')).toBeUndefined();
});

it('a broken file is as none', async () => {
  await writeFile(path.join(folder, 'results.json'), '{"key": ');
  expect((await Results.open(folder, 'image 1')).get('a')).toBeUndefined();
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

it('every exception names its cause', async () => {
  for (const { spec, cause } of await readExceptions()) {
    expect(spec).not.toBe('');
    expect(cause).toMatch(/\.$/);
  }
});
