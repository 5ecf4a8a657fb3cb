import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { release } from 'node:os';
import path from 'node:path';

import { DirectoryWatch, type Logger } from '@kios/agent';
import { EXIT, KiosError } from '@kios/errors';

import { nearestFolder } from '../devices/waiting.ts';

/** Where the modules of the running kernel are. */
interface Place {
  readonly modulesDir: string;
  /** Kernel release; `auto` is the running kernel. */
  readonly kernel: string;
}

const INDEX = 'modules.dep';
/** A file system that is mounted over a folder makes no change in it: it is looked for this often. */
const LOOK_AGAIN_MS = 5000;

export const kernelRelease = ({ kernel }: Place): string =>
  kernel === 'auto' ? release() : kernel;

export const modulesDir = (place: Place): string =>
  path.join(place.modulesDir, kernelRelease(place));

export const hasModules = (place: Place): boolean =>
  existsSync(path.join(modulesDir(place), INDEX));

/** The error for a kernel without modules: both must be of one build. The usual cause is a half-replaced image. */
export async function missingModules(place: Place): Promise<KiosError> {
  const there = await readdir(place.modulesDir).catch(() => []);
  return new KiosError(
    'KIOS_MODULES_DIR',
    `find modules of kernel ${kernelRelease(place)} in ${place.modulesDir}`,
    {
      exitCode: EXIT.config,
      remedy: `Found: ${there.join(', ') || 'nothing'}. Ship the modules of the running kernel.`,
    },
  );
}

/** Waits for the kernel's modules, which may lie on a volume that is mounted late. */
export async function waitForModules(
  place: Place,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const index = path.join(modulesDir(place), INDEX);
  for (let isFirst = true; ; isFirst = false) {
    // Opened before the look, so that no change is missed between the two.
    using watch = new DirectoryWatch([nearestFolder(index)]);
    if (hasModules(place)) return;
    if (isFirst) log.warn({ ev: 'modules.missing', err: await missingModules(place) });
    await watch.wait(LOOK_AGAIN_MS, signal);
  }
}
