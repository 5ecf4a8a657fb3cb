import { glob, readFile } from 'node:fs/promises';
import path from 'node:path';

import { expect, it } from 'vitest';

import { repository } from '../../../src/workstation/paths.ts';

const SOURCES = ['{packages,agents}/*/src/**/*.ts', 'os/src/**/*.ts', 'kios'];
/** A code is in quotes, or follows `fail` in the launcher. Environment variables have the same prefix. */
const CODE = /(?:['"`]|\bfail )(KIOS_[A-Z0-9_]+)\b(?!['"`]\])/g;
const NOT_CODES =
  /^KIOS_(NO_INSTALL|ACCEL|DEBUG|STATE_DIR|REQUIRE_\w+|CONSOLE|BUN|CONTROL_PLANE_BIN|NODE_BIN|PEERS|MODPROBE|MODULE_TREES|DEBIAN_\w*MIRROR)$/;

async function codesInSource(): Promise<string[]> {
  const codes = new Set<string>();
  for await (const file of glob(SOURCES, { cwd: repository })) {
    const text = await readFile(path.join(repository, file), 'utf8');
    for (const [, code = ''] of text.matchAll(CODE)) if (!NOT_CODES.test(code)) codes.add(code);
  }
  return [...codes].toSorted();
}

async function codesOnPage(): Promise<string[]> {
  const page = await readFile(path.join(repository, 'docs/errors.md'), 'utf8');
  const codes = [...page.matchAll(/^\| `?(KIOS_[A-Z0-9_]+)`? \|/gm)].map(([, code = '']) => code);
  // init/internal/fault compares its own codes with the page.
  return codes.filter((code) => !code.startsWith('KIOS_INIT_'));
}

it('docs/errors.md lists each code of the source once, and no other', async () => {
  const page = await codesOnPage();
  expect(page.filter((code, index) => page.indexOf(code) !== index)).toEqual([]);
  expect(page.toSorted()).toEqual(await codesInSource());
});
