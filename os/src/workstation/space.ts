import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';

import { cacheDir, distRoot } from './paths.ts';

const MIB = 1 << 20;

/** Folders that a build writes to, and the bytes it needs there at least. A first build needs some GiB more. */
const WRITTEN: readonly (readonly [folder: string, needed: number])[] = [
  [distRoot, 1024 * MIB],
  [cacheDir, 1024 * MIB],
  [tmpdir(), 256 * MIB],
];

/** Returns the free bytes of the file system that holds a folder, or will hold it. */
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

/** Returns the folders of a build that have almost no space left. */
export async function fullFolders(): Promise<string[]> {
  const folders = WRITTEN.map(([folder]) => folder);
  const free = await Promise.all(folders.map(freeBytes));
  return folders.filter((_, index) => (free[index] ?? 0) < 32 * MIB);
}

/** Fails early when the disk is too full to finish a build: some tools, apt for one, hang on a full disk. */
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
