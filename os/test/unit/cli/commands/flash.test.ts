import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { ensurePackages } from '../../../../src/workstation/packages.ts';
import { silent } from '../../../../src/workstation/progress.ts';

const main = path.resolve(import.meta.dirname, '../../../../src/main.ts');
let dir: string;

beforeAll(async () => {
  await ensurePackages(['media'], silent);
  dir = await mkdtemp(path.join(tmpdir(), 'kios-flash-cli-'));
  await writeFile(path.join(dir, 'text.img'), 'no image');
}, 120_000);

afterAll(() => rm(dir, { recursive: true }));

const flash = (...args: readonly string[]) =>
  execa(process.execPath, [main, 'flash', ...args], {
    cwd: dir,
    reject: false,
    input: '',
    env: { KIOS_DEBUG: undefined, KIOS_NO_INSTALL: '1' },
  });

describe('bad input ends with one line, a code and a remedy:', () => {
  it.each([
    ['--yes without what is meant', ['a', 'b', '--yes'], 'KIOS_CLI_USAGE', 64],
    ['a size in words', ['a', 'b', '--size', '32GB'], 'KIOS_CLI_USAGE', 64],
    ['an empty device', ['text.img', ''], 'KIOS_CLI_USAGE', 64],
    ['a third name', ['a', 'b', 'c'], 'KIOS_CLI_USAGE', 64],
    ['an image that is missing', ['none.img', 'sdz'], 'KIOS_FLASH_IMAGE', 65],
    ['an image that is none', ['text.img', 'sdz'], 'KIOS_FLASH_IMAGE', 65],
    ['nothing on standard input', ['-', 'sdz'], 'KIOS_FLASH_IMAGE', 65],
  ])('%s', async (_, args, code, exitCode) => {
    const ended = await flash(...args);
    expect(ended.stdout).toBe('');
    expect(ended.stderr).toMatch(new RegExp(`^kios: cannot .* \\[${code}\\]\nkios: [A-Z].+\\.$`));
    expect(ended.exitCode).toBe(exitCode);
  });
});

it('lists disks for scripts', async () => {
  const { stdout, exitCode } = await flash('--list', '--json');
  expect(exitCode).toBe(0);
  expect(Array.isArray(JSON.parse(stdout))).toBe(true);
});
