import { readdir, readFile, realpath } from 'node:fs/promises';
import path from 'node:path';

import type { Progress } from '../../workstation/progress.ts';
import { Tree } from '../formats/tree.ts';
import type { FirmwarePackage } from '../sources/debian/firmware.ts';
import type { Toolroot } from '../sources/debian/toolroot.ts';
import { storedFile } from './stored-files.ts';

/** Returns the names of firmware in the text of `modules.builtin.modinfo`, a list of `module.key=value`. */
export const builtinFirmware = (modinfo: string): string[] =>
  modinfo.split('\0').flatMap((entry) => /^[^.=]+\.firmware=(.+)$/s.exec(entry)?.[1] ?? []);

/** Returns the names of the files that the drivers of a kernel may ask for. */
export async function firmwareOf(modules: string, tools: Toolroot): Promise<Set<string>> {
  const names = await readdir(modules, { recursive: true });
  const files = names.filter((name) => name.endsWith('.ko')).toSorted();
  const said =
    files.length === 0
      ? ''
      : await tools.run('usr/sbin/modinfo', ['-F', 'firmware', ...files], { cwd: modules });
  const builtin = await readFile(path.join(modules, 'modules.builtin.modinfo'), 'latin1');
  return new Set([...said.split('\n').filter(Boolean), ...builtinFirmware(builtin)]);
}

/** Returns a file of a package by its name; links in the package count, and lead nowhere else. */
async function find(folder: string, name: string): Promise<string | undefined> {
  const file = await realpath(path.join(folder, name)).catch(() => '');
  return file.startsWith(`${await realpath(folder)}/`) ? file : undefined;
}

/** Adds the licences of packages, which the files may not be passed on without. */
function addLicences(tree: Tree, prefix: string, packages: readonly FirmwarePackage[]): Tree {
  for (const { origin } of packages)
    tree.text(`${prefix}/${origin.name}`, origin.licence ?? '', origin);
  return tree;
}

/** Makes the folder with the files that `wanted` names, and no others. */
export async function firmwareTree(
  packages: readonly FirmwarePackage[],
  wanted: ReadonlySet<string>,
  progress: Progress,
): Promise<Tree> {
  const tree = new Tree();
  const files = packages.filter(({ microcode }) => microcode === undefined);
  for (const { name, folder, origin } of files) {
    let count = 0;
    for (const wantedName of [...wanted].toSorted()) {
      const file = await find(folder, wantedName);
      if (file === undefined) continue;
      tree.file(`/lib/firmware/${wantedName}`, 0o644, storedFile(file), origin);
      count += 1;
    }
    progress.info(`firmware ${name}: ${count} files that drivers of this kernel name`);
  }
  return addLicences(tree, '/licences', files);
}

/** What microcode adds to the EFI file. */
export interface Microcode {
  /** The archive before the initramfs, where the kernel looks before it does anything else. */
  readonly early: Tree;
  /** Its licences, for the root. */
  readonly licences: Tree;
}

/** Joins microcode to one file for each maker of processors; undefined when none is chosen. */
export async function microcodeOf(
  packages: readonly FirmwarePackage[],
): Promise<Microcode | undefined> {
  const early = new Tree();
  const chosen = packages.filter(({ microcode }) => microcode !== undefined);
  for (const { folder, origin, microcode } of chosen) {
    const from = path.join(folder, microcode!.folder);
    const names = (await readdir(from)).toSorted();
    const parts = await Promise.all(
      names.filter((name) => !name.endsWith('.asc')).map((name) => readFile(path.join(from, name))),
    );
    const where = `/kernel/x86/microcode/${microcode!.file}`;
    early.file(where, 0o644, { bytes: Buffer.concat(parts) }, origin);
  }
  if (chosen.length === 0) return undefined;
  return { early, licences: addLicences(new Tree(), '/lib/kios/licences', chosen) };
}
