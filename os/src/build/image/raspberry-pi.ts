import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { constants, gzipSync } from 'node:zlib';

import { KiosError } from '@kios/errors';
import { systemPrefix } from '@kios/host-api/board-slots';

import { repository } from '../../workstation/paths.ts';
import type { Progress } from '../../workstation/progress.ts';
import { type Origin, Tree } from '../formats/tree.ts';
import { boardCommandLine } from '../kernel/command-line.ts';
import type { Kernel } from '../kernel/open-kernel.ts';
import { extract, fetchDebian } from '../sources/debian/archive.ts';
import { KIOS } from '../versions.ts';
import { PI_FILES } from './boot-file.ts';
import { FIRST_GENERATION } from './boot-slots.ts';
import { storedFile } from './stored-files.ts';

const PACKAGE = 'raspi-firmware';
/** The second stage of the loader, and the file with which it fits itself to the size of the memory. */
const LOADER = ['start4.elf', 'fixup4.dat'];
/** Device trees, which the loader chooses by the board that it runs on. */
const TREES = ['bcm2711-rpi-4-b.dtb', 'bcm2711-rpi-400.dtb', 'bcm2711-rpi-cm4-io.dtb'];
const CONFIG = path.join(repository, 'os/boards/rpi4/config.txt');

const kios: Origin = { name: 'kios', version: KIOS, kind: 'kios' };

/** Fetches the loader, which is not free software; it may be passed on with its licence, for use with these boards. */
async function addLoader(tree: Tree, progress: Progress): Promise<void> {
  const request = { arch: 'arm64', packages: [PACKAGE], progress } as const;
  const [deb] = await fetchDebian({ ...request, archive: 'non-free-firmware' });
  const root = await extract([deb!]);
  const licence = path.join(root, 'usr/share/doc', PACKAGE, 'copyright');
  const { name, version, sha256 } = deb!;
  const origin: Origin = {
    name,
    version,
    kind: 'deb',
    sha256,
    licence: await readFile(licence, 'utf8'),
  };
  for (const file of LOADER)
    tree.file(
      `/${file}`,
      0o644,
      storedFile(path.join(root, 'usr/lib/raspi-firmware', file)),
      origin,
    );
  tree.file(`/${PI_FILES.licence}`, 0o644, storedFile(licence), origin);
}

/**
 * Returns the files of a system for a Raspberry Pi 4, besides the initramfs. The kernel is compressed as in Raspberry
 * Pi OS: reading it from a card takes longer than decompressing it.
 */
export async function systemFiles({
  board,
  origin,
}: Pick<Kernel, 'board' | 'origin'>): Promise<Tree> {
  if (board === undefined)
    throw new KiosError('KIOS_IMAGE_FILE', 'find the parts of the kernel for a Raspberry Pi 4');
  const tree = new Tree();
  tree.text(`/${PI_FILES.commandLine}`, `${boardCommandLine('rpi4')}\n`, kios);
  for (const file of TREES)
    tree.file(`/${file}`, 0o644, storedFile(path.join(board.deviceTrees, file)), origin);
  const bytes = gzipSync(await readFile(board.image), { level: constants.Z_BEST_COMPRESSION });
  return tree.file(`/${PI_FILES.kernel}`, 0o644, { bytes }, origin);
}

/** Where the files of the first system lie. */
export const FIRST_SYSTEM = `/${systemPrefix(FIRST_GENERATION)}`;

/** Returns the files that a fresh medium starts from, besides the initramfs: the loader and its first system. */
export async function piBootFiles(kernel: Kernel, progress: Progress): Promise<Tree> {
  const tree = new Tree();
  await addLoader(tree, progress);
  tree.file(`/${PI_FILES.config}`, 0o644, storedFile(CONFIG), kios);
  return tree.graft(FIRST_SYSTEM, await systemFiles(kernel));
}
