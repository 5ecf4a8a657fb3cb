import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { Run } from '../../../../src/bench/growth/runs.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-runs-'));
});
afterEach(() => rm(dir, { recursive: true }));

const file = (): string => path.join(dir, 'state', 'pods.json');
const found = (x: number) => ({ samples: [{ x, values: { seconds: x / 2 } }] });

it('goes on where it stopped', async () => {
  const first = await Run.open(file(), 'commit');
  expect(first.has('1 pod')).toBe(false);
  await first.keep('1 pod', found(1));
  const second = await Run.open(file(), 'commit');
  expect(second.has('1 pod')).toBe(true);
  await second.keep('5 pods', { ...found(5), details: { accelerator: 'tcg' }, rows: [['a']] });
  const third = await Run.open(file(), 'commit');
  expect(third.found(['1 pod', '5 pods', '20 pods'])).toEqual([
    { ...found(1), details: {}, rows: [] },
    { ...found(5), details: { accelerator: 'tcg' }, rows: [['a']] },
  ]);
});

it('begins anew for other sources, when asked to, and when the file is damaged', async () => {
  await (await Run.open(file(), 'commit')).keep('1 pod', found(1));
  expect((await Run.open(file(), 'other')).has('1 pod')).toBe(false);
  expect((await Run.open(file(), 'commit', true)).has('1 pod')).toBe(false);
  // Nothing was measured yet, so nothing is lost.
  expect((await Run.open(file(), 'commit')).has('1 pod')).toBe(true);
  for (const damaged of ['', '{"of":"commit","steps":{', '{"of":"commit","steps":{"1 pod":{}}}']) {
    await writeFile(file(), damaged);
    expect((await Run.open(file(), 'commit')).has('1 pod')).toBe(false);
  }
});

it('leaves nothing beside its file', async () => {
  const run = await Run.open(file(), 'commit');
  await run.keep('1 pod', found(1));
  await run.keep('5 pods', found(5));
  expect(await readdir(path.dirname(file()))).toEqual(['pods.json']);
});
