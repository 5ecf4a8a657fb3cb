import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { lockOutput, lockState } from '../../../src/workstation/folder-lock.ts';
import { repository } from '../../../src/workstation/paths.ts';
import { type Progress, silent } from '../../../src/workstation/progress.ts';

let dist: string;
let said: string[];
let progress: Progress;

beforeEach(async () => {
  dist = await mkdtemp(path.join(tmpdir(), 'kios-lock-'));
  said = [];
  progress = { ...silent, info: (line) => void said.push(line) };
});

afterEach(() => rm(dist, { recursive: true, force: true }));

/** Another process that holds the lock of `dist` until it is killed. */
async function otherBuild() {
  const module = JSON.stringify(path.join(repository, 'os/src/workstation/folder-lock.ts'));
  const code = `
    const { lockOutput } = await import(${module});
    globalThis.held = await lockOutput(${JSON.stringify(dist)}, { info() {} });
    console.log('locked');
    setInterval(() => {}, 60_000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return child;
}

it('lets one build at a time into a folder, and reports the wait once', async () => {
  const order: string[] = [];
  const first = await lockOutput(dist, progress);
  const second = lockOutput(`${dist}/../${path.basename(dist)}/`, progress).then((held) => {
    order.push('second');
    return held;
  });
  await new Promise((done) => {
    setTimeout(done, 300);
  });
  order.push('first is done');
  first[Symbol.dispose]();
  (await second)[Symbol.dispose]();
  expect(order).toEqual(['first is done', 'second']);
  expect(said).toEqual([`waiting for another build of ${path.relative(repository, dist)}`]);
});

it('lets builds of different folders run at once', async () => {
  await mkdir(path.join(dist, 'other'));
  using one = await lockOutput(dist, progress);
  using other = await lockOutput(path.join(dist, 'other'), progress);
  expect(one.file).not.toBe(other.file);
  expect(said).toEqual([]);
});

it('continues when the other build is killed', async () => {
  const other = await otherBuild();
  const waiting = lockOutput(dist, progress);
  expect(said).toHaveLength(1);
  other.kill('SIGKILL');
  (await waiting)[Symbol.dispose]();
});

it('names the folder relative to the repository', async () => {
  const folder = `dist/locked-${process.pid}`;
  await mkdir(path.join(repository, folder), { recursive: true });
  using held = await lockOutput(path.join(repository, folder), silent);
  const waiting = lockOutput(path.join(repository, folder), progress);
  expect(said).toEqual([`waiting for another build of ${folder}`]);
  held[Symbol.dispose]();
  (await waiting)[Symbol.dispose]();
  await rm(path.join(repository, folder), { recursive: true });
});

it('one `up` at a time uses a state folder', () => {
  const folder = path.join(dist, 'state');
  const first = lockState(folder);
  expect(() => lockState(`${folder}/`)).toThrow(/another \.\/kios up is using it$/);
  using other = lockState(`${folder}-other`);
  expect(other).toBeDefined();
  first[Symbol.dispose]();
  using again = lockState(folder);
  expect(again).toBeDefined();
});
