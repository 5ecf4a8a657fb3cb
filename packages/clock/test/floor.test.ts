import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { readFloor } from '../src/index.ts';

const BUILT = '2026-11-01T00:00:00.000Z';
const SAVED = '2026-12-24T18:00:00.000Z';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'kios-floor-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const at = (name: string): string => path.join(dir, name);
const write = (name: string, content: string): void => writeFileSync(at(name), content);
const floor = async (): Promise<string> => {
  const files = { host: at('host'), boot: at('boot'), release: at('release'), saved: at('saved') };
  return new Date(await readFloor(files)).toISOString();
};
const release = (buildTime: string): string =>
  JSON.stringify({ version: '0.1.0', buildTime, kernel: '6.12', arch: 'amd64' });

it('is the build time of the image, from the first file that has it', async () => {
  expect(await floor()).toBe('2026-01-01T00:00:00.000Z');
  write('release', release(BUILT));
  expect(await floor()).toBe(BUILT);
  write('host', 'torn');
  expect(await floor()).toBe(BUILT);
});

it('is the time of the last synced clock, if that is later', async () => {
  write('release', release(BUILT));
  write('saved', `${SAVED}\n`);
  expect(await floor()).toBe(SAVED);
});

it.each([
  ['before the build time', '2026-10-01T00:00:00.000Z'],
  ['decades later, which would stop the clock for good', '2999-01-01T00:00:00.000Z'],
  ['no time', 'now'],
  ['empty', ''],
])('is not a saved time that is %s', async (_, text) => {
  write('release', release(BUILT));
  write('saved', text);
  expect(await floor()).toBe(BUILT);
});
