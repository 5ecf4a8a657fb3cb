import path from 'node:path';

import { type Lock, lock, tryLock } from '@kios/syscall';

import { sha256 } from './digest.ts';
import { repository } from './paths.ts';
import type { Progress } from './progress.ts';

/** Keeps other builds out of the folder `dist` until disposed of; waits for one that is in it already. */
export async function lockOutput(dist: string, progress: Progress): Promise<Lock> {
  const folder = path.resolve(dist);
  // An abstract socket's name holds 107 bytes, a path more.
  const name = `kios-build-${sha256(folder)}`;
  const free = tryLock(name);
  if (free !== undefined) return free;
  progress.info(`waiting for another build of ${path.relative(repository, folder)}`);
  return lock(name);
}
