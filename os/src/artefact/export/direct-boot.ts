import { link, mkdir } from 'node:fs/promises';
import path from 'node:path';

import { BOOT_FILES } from '../../build/image/boot-file.ts';
import { FLASHED_MODULES, isOfSlots, modulesBeside } from '../../build/image/boot-slots.ts';
import { pathsBelow } from '../../workstation/paths-below.ts';
import type { Arch } from '../../workstation/paths.ts';
import { efiFile, type Source } from './source.ts';

/**
 * Plans the files of a medium without slots, on which firmware starts the EFI file itself: there is nothing to choose
 * where nothing can be updated. Returns the file of the boot partition that each comes from.
 */
export function planDirectBoot(
  files: readonly string[],
  efi: string,
  arch: Arch,
): Map<string, string> {
  const first = BOOT_FILES[arch];
  const others = files.filter(
    (name) => !isOfSlots(name) && name !== efi && name.toUpperCase() !== first,
  );
  const modules = modulesBeside(files, efi);
  return new Map([
    [first, efi],
    ...others.map((name) => [name, name] as const),
    // The system that was flashed may have been another one.
    ...(modules === undefined ? [] : [[FLASHED_MODULES, modules] as const]),
  ]);
}

const isIn =
  (folder: string) =>
  (name: string): boolean =>
    name.startsWith(`${folder}/`);

/** Returns the folders that were empty before, or are not empty afterwards: those of the slots are left out. */
function foldersToKeep(
  folders: readonly string[],
  before: readonly string[],
  after: readonly string[],
): string[] {
  return folders.filter((folder) => !before.some(isIn(folder)) || after.some(isIn(folder)));
}

/** Fills a folder, on the file system of the copied boot partition, with the files of such a medium. */
export async function linkDirectBoot(source: Source, into: string): Promise<void> {
  const { boot, release } = source;
  const { files, folders } = await pathsBelow(boot);
  const plan = planDirectBoot(files, path.relative(boot, efiFile(source)), release.arch);
  for (const folder of foldersToKeep(folders, files, [...plan.keys()]))
    await mkdir(path.join(into, folder), { recursive: true });
  for (const [name, from] of plan) await link(path.join(boot, from), path.join(into, name));
}
