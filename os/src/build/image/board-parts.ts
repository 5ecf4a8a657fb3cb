import { existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { sha256 } from '../../workstation/digest.ts';
import { pathsBelow } from '../../workstation/paths-below.ts';
import type { Board } from '../../workstation/paths.ts';
import { readSections } from '../formats/uki.ts';
import type { Kernel } from '../kernel/open-kernel.ts';
import { PI_FILES } from './boot-file.ts';
import { systemFiles } from './raspberry-pi.ts';

/**
 * Folder of an output folder with what a Raspberry Pi starts of the same system, besides the initramfs, which is a
 * section of `kios.efi`. So one image of the system serves all machines of an architecture.
 */
export const BOARD_PARTS = 'rpi4' satisfies Board;

/** Writes these files, if the kernel is one for boards. Others that are there go. */
export async function writeBoardParts(
  kernel: Pick<Kernel, 'board' | 'origin'>,
  dist: string,
): Promise<void> {
  const folder = path.join(dist, BOARD_PARTS);
  const scratch = `${folder}.tmp`;
  await rm(scratch, { recursive: true, force: true });
  await rm(folder, { recursive: true, force: true });
  if (kernel.board === undefined) return;
  await mkdir(scratch);
  for (const [name, entry] of (await systemFiles(kernel)).sorted()) {
    if (entry.type !== 'file') continue;
    const file = path.join(scratch, name);
    if ('bytes' in entry.content) await writeFile(file, entry.content.bytes);
    else await copyFile(entry.content.file, file);
  }
  await rename(scratch, folder);
}

/** A file of a board's system. */
export interface BoardPart {
  readonly sha256: string;
  readonly bytes: number;
  /** Where it begins in `kios.efi`; undefined of a file of its own. */
  readonly offset?: number;
}

function initramfsIn(efi: Buffer): BoardPart | undefined {
  const section = readSections(efi).find(({ name }) => name === '.initrd');
  if (section === undefined) return undefined;
  const content = Buffer.from(section.content);
  const offset = section.content.byteOffset - efi.byteOffset;
  return { sha256: sha256(content), bytes: content.length, offset };
}

/** Describes the files of a board's system in an output folder, by their names; undefined without any. */
export async function readBoardParts(
  dist: string,
): Promise<Readonly<Record<string, BoardPart>> | undefined> {
  const folder = path.join(dist, BOARD_PARTS);
  const efi = path.join(dist, 'kios.efi');
  if (!existsSync(folder) || !existsSync(efi)) return undefined;
  const initramfs = initramfsIn(await readFile(efi));
  if (initramfs === undefined) return undefined;
  const parts: Record<string, BoardPart> = {};
  for (const name of (await pathsBelow(folder)).files) {
    const bytes = await readFile(path.join(folder, name));
    parts[name] = { sha256: sha256(bytes), bytes: bytes.length };
  }
  return { ...parts, [PI_FILES.initramfs]: initramfs };
}
