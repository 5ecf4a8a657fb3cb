import { stat, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';

import type { Toolroot } from '../../build/sources/debian/toolroot.ts';
import { pathsBelow } from '../../workstation/paths-below.ts';

const MIB = 1024 * 1024;
/** The tables, and files that somebody adds to a stick. */
const SLACK = 24 * MIB;
/** A FAT32 has at least 65525 clusters. */
const LEAST = 48 * MIB;

export interface FatOptions {
  /** Eight hexadecimal digits. */
  readonly serial: string;
  /** Time of the folders, seconds since the epoch. */
  readonly time: number;
}

/** Makes a FAT32 file system that just holds the files of a folder, with their times. */
export async function makeFat(
  file: string,
  folder: string,
  { serial, time }: FatOptions,
  tools: Toolroot,
): Promise<void> {
  const { files, folders } = await pathsBelow(folder);
  const at = (name: string): string => path.join(folder, name);
  let bytes = 0;
  for (const name of files) bytes += (await stat(at(name))).size;
  await writeFile(file, '');
  await truncate(file, Math.max(LEAST, Math.ceil((bytes + SLACK) / MIB) * MIB));
  const env = { SOURCE_DATE_EPOCH: String(time), TZ: 'UTC' };
  await tools.run(
    'usr/sbin/mkfs.fat',
    ['-F', '32', '-n', 'KIOS', '--invariant', '-i', serial, file],
    { env },
  );
  for (const name of folders) await tools.run('usr/bin/mmd', ['-i', file, `::${name}`], { env });
  // mcopy -m takes an entry’s time from its source.
  for (const name of files)
    await tools.run('usr/bin/mcopy', ['-m', '-i', file, at(name), `::${name}`], { env });
}
