import { mkdirSync } from 'node:fs';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';
import { type Lock, lock, tryLock } from '@kios/syscall';

import { repository } from './paths.ts';
import type { Progress } from './progress.ts';

/** Returns the file that keeps others out of a folder. */
const lockFile = (folder: string): string => path.join(path.resolve(folder), '.lock');

/** Keeps other builds out of the folder `dist` until disposed of; first waits for a build that holds it. */
export async function lockOutput(dist: string, progress: Progress): Promise<Lock> {
  const file = lockFile(dist);
  const free = tryLock(file);
  if (free !== undefined) return free;
  progress.info(`waiting for another build of ${path.relative(repository, path.resolve(dist))}`);
  return lock(file);
}

/** Keeps a second `up` out of a state folder: if it failed, it would stop the node of the first one. */
export function lockState(folder: string): Lock {
  mkdirSync(folder, { recursive: true });
  const taken = tryLock(lockFile(folder));
  if (taken !== undefined) return taken;
  throw new KiosError('KIOS_BUSY', `start a node in ${folder}: another ./kios up is using it`, {
    exitCode: EXIT.unavailable,
    remedy: 'Wait until that one ends, or choose another folder with KIOS_STATE_DIR.',
  });
}
