import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';

import { cacheDir, repository } from './paths.ts';

const MIB = 1 << 20;

/** Folders that a build writes to, and how much it writes there at least; the first build some GiB more. */
const WRITTEN: readonly (readonly [folder: string, needed: number])[] = [
  [path.join(repository, 'dist'), 1024 * MIB],
  [cacheDir, 1024 * MIB],
  [tmpdir(), 256 * MIB],
];

/** Free bytes of the file system that a folder is, or will be, on. */
async function freeBytes(folder: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch (error) {
    const parent = path.dirname(folder);
    if (parent === folder) throw error;
    return freeBytes(parent);
  }
}

/** Which of the folders a build writes to are full, or as good as. */
export async function fullFolders(): Promise<string[]> {
  const folders = WRITTEN.map(([folder]) => folder);
  const free = await Promise.all(folders.map(freeBytes));
  return folders.filter((_, index) => (free[index] ?? 0) < 32 * MIB);
}

/** Refuses to begin where the disk would be full in the middle: not every program that works for a build ends on that (apt waits). */
export async function ensureSpace(written = WRITTEN): Promise<void> {
  for (const [folder, needed] of written) {
    const free = await freeBytes(folder);
    if (free >= needed) continue;
    const amounts = `${Math.floor(free / MIB)} MiB are free, ${needed / MIB} are needed`;
    throw new KiosError('KIOS_DISK_FULL', `build in ${folder}: ${amounts}`, {
      exitCode: EXIT.system,
      remedy:
        'Free some space (a first build needs about 8 GiB), or choose other folders with XDG_CACHE_HOME and TMPDIR.',
    });
  }
}
