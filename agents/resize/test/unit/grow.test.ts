import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { createLogger, runProgram } from '@kios/agent';
import { afterEach, beforeEach, expect, it } from 'vitest';

import { splitDevice } from '../../src/core/growth/plan.ts';
import { sizeOf } from '../../src/edge/growth/volume.ts';
import { grow } from '../../src/verbs/grow.ts';

let folder: string;
let printed: string[];

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kios-resize-'));
  printed = [];
});

afterEach(() => rmSync(folder, { recursive: true }));

/** Makes a folder like the kernel's that shows a device of some bytes below the file system of the test's folder. */
function sysfsWith(bytes: number): string {
  const sysfs = path.join(folder, 'sys');
  const { major, minor } = splitDevice(statSync(folder, { bigint: true }).dev);
  const device = path.join(sysfs, 'dev/block', `${major}:${minor}`);
  mkdirSync(device, { recursive: true });
  writeFileSync(path.join(device, 'size'), `${bytes / 512}\n`);
  return sysfs;
}

async function run(...args: string[]): Promise<number> {
  const console = { send: () => {}, close: () => Promise.resolve() };
  const log = createLogger('resize', {
    console,
    stdout: { write: (line: string) => printed.push(line) },
  });
  return runProgram({ name: 'resize', commands: [grow] }, ['grow', ...args], log);
}

const last = (): unknown => JSON.parse(printed.at(-1) ?? '{}');

it('ends at once when no block device holds the folder', async () => {
  expect(await run(`--folder=${folder}`, `--sysfs=${folder}`)).toBe(0);
  expect(last()).toMatchObject({ ev: 'skipped', why: 'all state is in RAM' });
});

it('ends at once when the partition is no larger than the file system', async () => {
  expect(await run(`--folder=${folder}`, `--sysfs=${sysfsWith(512)}`)).toBe(0);
  expect(last()).toMatchObject({ ev: 'skipped' });
});

it('names the folder that is not there', async () => {
  expect(await run('--folder=/nowhere', '--sysfs=/sys')).toBe(71);
  expect(last()).toMatchObject({ ev: 'failed', err: { code: 'KIOS_RESIZE' } });
});

it('checks without a word', async () => {
  expect(await run(`--folder=${folder}`, `--sysfs=${sysfsWith(2 ** 40)}`, '--check')).toBe(0);
  expect(printed).toEqual([]);
});

it('reads the size that a pod sees', () => expect(sizeOf(folder)).toBeGreaterThan(0));
