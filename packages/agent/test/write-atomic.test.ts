import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { removeStaleTemps, writeAtomic } from '../src/write-atomic.ts';

describe('writeAtomic', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'kios-write-'));
  });
  afterEach(() => rm(dir, { recursive: true }));

  it('creates the file with the given content and mode', async () => {
    const file = path.join(dir, 'a');
    expect(await writeAtomic(file, 'one', 0o640)).toBe(true);
    expect(await readFile(file, 'utf8')).toBe('one');
    expect((await stat(file)).mode & 0o777).toBe(0o640);
    expect(await readdir(dir)).toEqual(['a']);
  });

  it('leaves inode and time alone when content and mode are equal', async () => {
    const file = path.join(dir, 'a');
    await writeAtomic(file, 'one');
    await utimes(file, 1, 1);
    const before = await stat(file);
    expect(await writeAtomic(file, 'one')).toBe(false);
    expect(await stat(file)).toMatchObject({ ino: before.ino, mtimeMs: before.mtimeMs });
  });

  it('replaces the file when only the mode differs', async () => {
    const file = path.join(dir, 'a');
    await writeAtomic(file, 'one', 0o644);
    expect(await writeAtomic(file, 'one', 0o600)).toBe(true);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it('leaves no temporary file behind when the rename fails', async () => {
    const file = path.join(dir, 'a');
    await mkdir(path.join(file, 'child'), { recursive: true });
    await expect(writeAtomic(file, 'one')).rejects.toMatchObject({ code: 'KIOS_WRITE' });
    expect(await readdir(dir)).toEqual(['a']);
  });

  it('names file and cause when the folder is missing', async () => {
    const file = path.join(dir, 'none', 'a');
    await expect(writeAtomic(file, 'one')).rejects.toMatchObject({
      message: `write ${file}`,
      cause: { code: 'ENOENT' },
      exitCode: 71,
    });
  });

  it('removes only the temporary files of a killed writer', async () => {
    await writeFile(path.join(dir, '.a.0123456789ab.tmp'), '');
    await writeFile(path.join(dir, '.hidden'), '');
    await writeFile(path.join(dir, 'b.tmp'), '');
    await removeStaleTemps(dir);
    expect((await readdir(dir)).toSorted()).toEqual(['.hidden', 'b.tmp']);
  });
});
