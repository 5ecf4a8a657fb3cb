import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, it, vi } from 'vitest';

let home: string;
let cached: (typeof import('../../../src/workstation/cache.ts'))['cached'];

beforeAll(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'kios-cache-'));
  vi.stubEnv('XDG_CACHE_HOME', home);
  ({ cached } = await import('../../../src/workstation/cache.ts'));
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(home, { recursive: true });
});

const fill = (text: string) => (dir: string) => writeFile(path.join(dir, 'file'), text);

it('an entry is made once', async () => {
  const entry = await cached('once', 'key', fill('first'));
  expect(await cached('once', 'key', fill('second'))).toBe(entry);
  expect(await readFile(path.join(entry, 'file'), 'utf8')).toBe('first');
});

it('a failed step leaves nothing and runs again', async () => {
  await expect(cached('fails', 'key', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await readdir(path.join(home, 'kios/fails'))).toEqual([]);
  await cached('fails', 'key', fill('again'));
  expect(await readdir(path.join(home, 'kios/fails'))).toEqual(['key']);
});

it('a killed build’s rest is removed after a day, a running build’s is not', async () => {
  const folder = path.join(home, 'kios/killed');
  for (const name of ['old.1.x.tmp', 'new.2.y.tmp'])
    await mkdir(path.join(folder, name), { recursive: true });
  const yesterday = Date.now() / 1000 - 25 * 3600;
  await utimes(path.join(folder, 'old.1.x.tmp'), yesterday, yesterday);
  await cached('killed', 'key', fill('text'));
  expect((await readdir(folder)).toSorted()).toEqual(['key', 'new.2.y.tmp']);
});
