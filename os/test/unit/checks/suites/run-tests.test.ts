import { chmod, copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { NONE } from '../../../../src/checks/suites/results.ts';
import { TestRun } from '../../../../src/checks/suites/run-tests.ts';
import { repository } from '../../../../src/workstation/paths.ts';
import { silent } from '../../../../src/workstation/progress.ts';

const oneSkipped = () =>
  Promise.resolve({ counts: { passed: 3, failed: 0, skipped: 1 }, skipped: ['a b'], output: '' });

describe('a run of tests', () => {
  let printed: string[];
  let run: TestRun;
  beforeEach(() => {
    printed = [];
    const { signal } = new AbortController();
    const print = (line: string): void => void printed.push(line);
    run = new TestRun({ progress: silent, signal, undo: new AsyncDisposableStack(), print });
  });
  afterEach(() => {
    process.exitCode = undefined;
    vi.unstubAllEnvs();
  });

  it('counts a skipped test as failed in CI, and names it', async () => {
    vi.stubEnv('CI', 'true');
    await run.stage('first', {}, oneSkipped);
    run.end();
    expect(printed.join('\n')).toContain('skipped, which CI does not accept: a b');
    expect(printed.at(-1)).toBe('3 passed, 1 failed');
    expect(process.exitCode).toBe(EXIT.data);
  });

  it('only counts a skipped test elsewhere', async () => {
    vi.stubEnv('CI', '');
    await run.stage('first', {}, oneSkipped);
    run.end();
    expect(printed).toEqual(['3 passed, 0 failed, 1 skipped']);
    expect(process.exitCode).toBeUndefined();
  });

  it('continues after a stage that cannot run, counts it as failed, and ends with the counts', async () => {
    const disk = new KiosError('KIOS_COMMAND', 'run vitest: ENOSPC');
    await run.stage('first', {}, () => Promise.reject(disk));
    await run.stage('second', {}, () =>
      Promise.resolve({ counts: { ...NONE, passed: 3 }, skipped: [], output: '' }),
    );
    run.end();
    expect(printed.join('\n')).toContain('kios: cannot run vitest: ENOSPC [KIOS_DISK_FULL]');
    expect(printed.at(-1)).toBe('3 passed, 1 failed');
    expect(process.exitCode).toBe(EXIT.data);
  });

  it('fails without any test', () => {
    run.end();
    expect(printed).toEqual(['0 passed, 0 failed']);
    expect(process.exitCode).toBe(EXIT.data);
  });
});

describe('.ci/run', () => {
  let checkout: string;
  beforeEach(async () => {
    checkout = await mkdtemp(path.join(tmpdir(), 'kios-ci-'));
    await mkdir(path.join(checkout, '.ci'));
    await copyFile(path.join(repository, '.ci/run'), path.join(checkout, '.ci/run'));
  });
  afterEach(() => rm(checkout, { recursive: true }));

  it.each([
    ['all tests pass', 'echo "5 passed, 0 failed"', 0, '5 passed, 0 failed'],
    ['a test fails', 'echo "4 passed, 1 failed"; exit 65', 65, '4 passed, 1 failed'],
    ['the launcher gives up', 'echo "kios: no network" >&2; exit 69', 69, '0 passed, 1 failed'],
    ['it is killed', 'kill -KILL $$', 137, '0 passed, 1 failed'],
  ])('ends with the counts when %s', async (_, body, status, last) => {
    const kios = path.join(checkout, 'kios');
    await writeFile(kios, `#!/bin/sh\n${body}\n`);
    await chmod(kios, 0o755);
    const result = await execa(path.join(checkout, '.ci/run'), { reject: false });
    expect(result.stdout.split('\n').at(-1)).toBe(last);
    expect(result.exitCode).toBe(status);
  });
});
