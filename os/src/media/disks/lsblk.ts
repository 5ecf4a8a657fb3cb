import { run } from '../../workstation/run.ts';
import { COLUMNS, type Disk, parseDisks } from './disk.ts';

const lsblk = async (...args: readonly string[]): Promise<Disk[]> =>
  parseDisks(await run('lsblk', ['--json', '--bytes', '--output', COLUMNS, ...args]));

/** Lists the block devices of this machine that are no part of another one. */
export const listDisks = (): Promise<Disk[]> => lsblk();

/** Returns a block device by its path; undefined when there is none. */
export async function findDisk(path: string): Promise<Disk | undefined> {
  const [disk] = await lsblk(path).catch(() => []);
  return disk;
}
