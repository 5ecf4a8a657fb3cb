import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';
import { type Lock, lock, tryLock } from '@kios/syscall';

import { sha256 } from './digest.ts';
import { repository } from './paths.ts';
import type { Progress } from './progress.ts';

/** Returns the name of a folder's lock. A hash, because the name of an abstract socket has at most 107 bytes. */
const lockName = (use: 'build' | 'state', folder: string): string =>
  `kios-${use}-${sha256(path.resolve(folder))}`;

/** Keeps other builds out of the folder `dist` until disposed of; first waits for a build that holds it. */
export async function lockOutput(dist: string, progress: Progress): Promise<Lock> {
  const name = lockName('build', dist);
  const free = tryLock(name);
  if (free !== undefined) return free;
  progress.info(`waiting for another build of ${path.relative(repository, path.resolve(dist))}`);
  return lock(name);
}

/** Keeps a second `up` out of a state folder: if it failed, it would stop the node of the first one. */
export function lockState(folder: string): Lock {
  const taken = tryLock(lockName('state', folder));
  if (taken !== undefined) return taken;
  throw new KiosError('KIOS_BUSY', `start a node in ${folder}: another ./kios up is using it`, {
    exitCode: EXIT.unavailable,
    remedy: 'Wait until that one ends, or choose another folder with KIOS_STATE_DIR.',
  });
}
