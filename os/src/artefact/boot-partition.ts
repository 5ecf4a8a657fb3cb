import { readdir } from 'node:fs/promises';
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

async function walk(folder: string, below: string, into: Paths): Promise<void> {
  for (const entry of await readdir(path.join(folder, below), { withFileTypes: true })) {
    const name = path.join(below, entry.name);
    if (entry.isFile()) into.files.push(name);
    if (!entry.isDirectory()) continue;
    into.folders.push(name);
    await walk(folder, name, into);
  }
}

interface Paths {
  readonly files: string[];
  readonly folders: string[];
}

/**
 * Returns the paths of files and folders below a folder, relative to it, in byte order. A link is neither, wherever it
 * leads.
 */
export async function treeOf(folder: string): Promise<Paths> {
  const found: Paths = { files: [], folders: [] };
  await walk(folder, '', found);
  return { files: found.files.toSorted(byBytes), folders: found.folders.toSorted(byBytes) };
}
