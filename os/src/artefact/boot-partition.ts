import { lstat, readdir } from 'node:fs/promises';
import path from 'node:path';

import type { PlacedPartition } from '../build/formats/gpt.ts';
import type { Toolroot } from '../build/sources/debian/toolroot.ts';
import { ARCHES, type Arch } from '../workstation/paths.ts';
import { readPart } from './kind.ts';

/** The file that firmware starts from removable media (UEFI specification 2.10, section 3.5.1.1). */
export const BOOT_FILES = {
  amd64: 'EFI/BOOT/BOOTX64.EFI',
  arm64: 'EFI/BOOT/BOOTAA64.EFI',
} as const satisfies Readonly<Record<Arch, string>>;

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

/** Returns the paths of the files below a folder, relative to it, in byte order. */
export async function filesBelow(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  const files: string[] = [];
  for (const name of names) if ((await lstat(path.join(folder, name))).isFile()) files.push(name);
  return files.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/** Finds the file that firmware starts among the files of a boot partition, and its architecture. FAT ignores case. */
export function findBootFile(
  files: readonly string[],
): { readonly arch: Arch; readonly file: string } | undefined {
  for (const arch of ARCHES) {
    const file = files.find((name) => name.toUpperCase() === BOOT_FILES[arch]);
    if (file !== undefined) return { arch, file };
  }
  return undefined;
}
