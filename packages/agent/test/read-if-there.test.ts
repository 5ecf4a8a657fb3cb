import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { readIfThere } from '../src/index.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-read-'));
  await writeFile(path.join(dir, 'a'), 'text');
});
afterEach(() => rm(dir, { recursive: true }));

it('returns the text of a file', async () => {
  expect(await readIfThere(path.join(dir, 'a'))).toBe('text');
});

it.each(['b', 'none/b', 'a/b'])('returns undefined for %s, which does not exist', async (name) => {
  expect(await readIfThere(path.join(dir, name))).toBeUndefined();
});

it('fails for a file that exists and cannot be read', async () => {
  await expect(readIfThere(dir)).rejects.toMatchObject({ code: 'EISDIR' });
});
