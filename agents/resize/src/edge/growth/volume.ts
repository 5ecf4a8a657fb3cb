import { closeSync, constants, openSync, statfsSync, statSync } from 'node:fs';

import { readIfThere } from '@kios/agent';
import { EXIT, KiosError } from '@kios/errors';
import { resizeExt4, SyscallError } from '@kios/syscall';

import { remedyFor, splitDevice, type Volume } from '../../core/growth/plan.ts';

/** The unit of sizes in sysfs, whatever the blocks of the device are. */
const SECTOR = 512;

/** Returns the size of the file system at a folder. */
export function sizeOf(folder: string): number {
  const { blocks, bsize } = statfsSync(folder);
  return blocks * bsize;
}

/** Reads the file system at a folder, and its device in sysfs: a pod has no device file. */
export async function readVolume(folder: string, sysfs: string): Promise<Volume> {
  try {
    const { type, bsize, blocks } = statfsSync(folder);
    const { major, minor } = splitDevice(statSync(folder, { bigint: true }).dev);
    const sectors = await readIfThere(`${sysfs}/dev/block/${major}:${minor}/size`);
    return {
      type,
      blockBytes: bsize,
      bytes: blocks * bsize,
      deviceBytes: sectors === undefined ? undefined : Number(sectors) * SECTOR,
    };
  } catch (cause) {
    throw new KiosError('KIOS_RESIZE', `measure ${folder}`, {
      cause,
      exitCode: EXIT.system,
      remedy: 'Check the mounts of the pod.',
    });
  }
}

/** Grows the file system at a folder. The kernel does it in its journal, step by step, so any end leaves it whole. */
export function growTo(folder: string, blocks: number): void {
  const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    resizeExt4(fd, blocks);
  } catch (cause) {
    if (!(cause instanceof SyscallError)) throw cause;
    throw new KiosError('KIOS_RESIZE', `grow the file system of ${folder}`, {
      cause,
      exitCode: cause.exitCode,
      remedy: remedyFor(cause.errno),
    });
  } finally {
    closeSync(fd);
  }
}
