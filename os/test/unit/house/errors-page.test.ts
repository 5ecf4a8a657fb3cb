import { glob, readFile } from 'node:fs/promises';
import path from 'node:path';

import { expect, it } from 'vitest';

import { repository } from '../../../src/workstation/paths.ts';

const SOURCES = [
  '{packages,agents,examples}/*/src/**/*.ts',
  'os/src/**/*.ts',
  'os/boot-guard/*.c',
  'kios',
];
/** A code is in quotes, or follows `fail` in the launcher. Environment variables have the same prefix. */
const CODE = /(?:['"`]|\bfail )(KIOS_[A-Z0-9_]+)\b(?!['"`]\])/g;
/** Codes of init that agents read are not theirs. */
const OF_INIT = /^KIOS_INIT_/;
const NOT_CODES =
  /^KIOS_(INIT_\w*|NO_INSTALL|ACCEL|DEBUG|STATE_DIR|REQUIRE_\w+|CONSOLE|BUN|CONTROL_PLANE_BIN|NODE_BIN|PEERS|MODPROBE|MODULE_TREES|DEBIAN_\w*MIRROR)$/;

async function codesInSource(isCode = (code: string) => !NOT_CODES.test(code)): Promise<string[]> {
  const codes = new Set<string>();
  for await (const file of glob(SOURCES, { cwd: repository })) {
    const text = await readFile(path.join(repository, file), 'utf8');
    for (const [, code = ''] of text.matchAll(CODE)) if (isCode(code)) codes.add(code);
  }
  return [...codes].toSorted();
}

async function allOnPage(): Promise<string[]> {
  const page = await readFile(path.join(repository, 'docs/errors.md'), 'utf8');
  return [...page.matchAll(/^\| `?(KIOS_[A-Z0-9_]+)`? \|/gm)].map(([, code = '']) => code);
}

/** init/internal/fault compares its own codes with the page. */
const codesOnPage = async (): Promise<string[]> =>
  (await allOnPage()).filter((code) => !OF_INIT.test(code));

it('docs/errors.md lists each code of the source once, and no other', async () => {
  const page = await codesOnPage();
  expect(page.filter((code, index) => page.indexOf(code) !== index)).toEqual([]);
  expect(page.toSorted()).toEqual(await codesInSource());
});

it('docs/errors.md lists each code of init that an agent knows', async () => {
  const known = await codesInSource((code) => OF_INIT.test(code) && code !== 'KIOS_INIT_');
  const page = await allOnPage();
  expect(known).toContain('KIOS_INIT_DATA');
  expect(known.filter((code) => !page.includes(code))).toEqual([]);
});
