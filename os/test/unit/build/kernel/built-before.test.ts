import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { builtBefore } from '../../../../src/build/kernel/built-before.ts';

let cache: string;

beforeEach(async () => {
  cache = await mkdtemp(path.join(tmpdir(), 'kios-cache-'));
});

afterEach(() => rm(cache, { recursive: true }));

it('finds no kernel in a cache that is new or has an unfinished one', async () => {
  expect(await builtBefore(cache)).toBe(false);
  await mkdir(path.join(cache, 'kernel/0123.4.abcd.tmp'), { recursive: true });
  expect(await builtBefore(cache)).toBe(false);
});

it('finds a kernel that is finished', async () => {
  await mkdir(path.join(cache, 'kernel/0123'), { recursive: true });
  expect(await builtBefore(cache)).toBe(true);
});
