import { parseChoice, prefixesOf, systemPrefix } from '@kios/host-api/board-slots';

import { ARCHES, type Arch, type Board } from '../../workstation/paths.ts';
import { findSlot, hasSlots } from './boot-slots.ts';

/**
 * The file that firmware starts from removable media (UEFI specification 2.10, section 3.5.1.1): the guard, or a node's
 * EFI file on a medium without slots.
 */
export const BOOT_FILES = {
  amd64: 'EFI/BOOT/BOOTX64.EFI',
  arm64: 'EFI/BOOT/BOOTAA64.EFI',
} as const satisfies Readonly<Record<Arch, string>>;

/**
 * Finds the node's EFI file that starts next among the files of a boot partition, and its architecture. FAT ignores
 * case.
 */
export function findBootFile(
  files: readonly string[],
): { readonly arch: Arch; readonly file: string } | undefined {
  for (const arch of ARCHES) {
    const first = files.find((name) => name.toUpperCase() === BOOT_FILES[arch]);
    if (first === undefined) continue;
    const file = hasSlots(files, arch) ? findSlot(files) : first;
    if (file !== undefined) return { arch, file };
  }
  return undefined;
}

/**
 * The files from which a Raspberry Pi starts, by what they are. Loader, settings and licence lie at the top of the
 * partition, and the others in the folder of their system.
 */
export const PI_FILES = {
  loader: 'start4.elf',
  config: 'config.txt',
  commandLine: 'cmdline.txt',
  kernel: 'kernel8.img',
  initramfs: 'initramfs8',
  licence: 'LICENCE.raspi-firmware',
} as const;

/** What the loader of a board starts next. */
export interface BoardStart {
  readonly board: Board;
  /** What stands before the names of the system's files; '' on a medium without slots. */
  readonly prefix: string;
}

/** Returns the prefixes of the systems of a board among the files of its boot partition. */
function boardSystems(files: readonly string[]): readonly string[] {
  const started = prefixesOf(files, PI_FILES.initramfs);
  return prefixesOf(files, PI_FILES.kernel).filter((prefix) => started.includes(prefix));
}

/** Finds the board whose loader the files of a boot partition are for. */
export const findBoard = (files: readonly string[]): Board | undefined =>
  files.includes(PI_FILES.loader) && boardSystems(files).length > 0 ? 'rpi4' : undefined;

/** Finds what a board starts next from the files of a boot partition; `config` is its `config.txt`. */
export function findBoardStart(files: readonly string[], config: string): BoardStart | undefined {
  const board = findBoard(files);
  if (board === undefined) return undefined;
  const choice = parseChoice(config);
  const prefix = choice === undefined ? '' : systemPrefix(choice.next);
  return boardSystems(files).includes(prefix) ? { board, prefix } : undefined;
}

/** Says whether a file is the kernel command line of a board's system. */
export const isBoardLine = (file: string): boolean =>
  prefixesOf([file], PI_FILES.commandLine).length > 0;
