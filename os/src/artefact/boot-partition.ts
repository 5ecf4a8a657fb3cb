import { lstat, readdir } from 'node:fs/promises';
import path from 'node:path';

import type { PlacedPartition } from '../build/formats/gpt.ts';
import type { Toolroot } from '../build/sources/debian/toolroot.ts';
import { readPart } from './kind.ts';

/** Copies every file of a FAT partition into the empty folder `into`, with the time stamps it has there, in UTC. */
export async function copyBootPartition(
  image: string,
  { offset }: Pick<PlacedPartition, 'offset'>,
  into: string,
  tools: Toolroot,
): Promise<void> {
  // -p keeps attributes, -n asks nothing, -s takes folders too.
  const from = `${image}@@${offset}`;
  const args = ['-s', '-n', '-m', '-p', '-i', from, '::*', into];
  await readPart('boot partition', () => tools.run('usr/bin/mcopy', args, { env: { TZ: 'UTC' } }));
}

const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** Returns the paths of files and folders below a folder, relative to it, in byte order. */
export async function treeOf(folder: string): Promise<{ files: string[]; folders: string[] }> {
  const files: string[] = [];
  const folders: string[] = [];
  for (const name of (await readdir(folder, { recursive: true })).toSorted(byBytes)) {
    const status = await lstat(path.join(folder, name));
    if (status.isDirectory()) folders.push(name);
    else if (status.isFile()) files.push(name);
  }
  return { files, folders };
}
