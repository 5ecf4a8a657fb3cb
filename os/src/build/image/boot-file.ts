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

/** The files at the top of the partition from which a Raspberry Pi starts, by what they are. */
export const PI_FILES = {
  loader: 'start4.elf',
  config: 'config.txt',
  commandLine: 'cmdline.txt',
  kernel: 'kernel8.img',
  initramfs: 'initramfs8',
  licence: 'LICENCE.raspi-firmware',
} as const;

/** Finds the board that starts from the files of a boot partition. */
export const findBoard = (files: readonly string[]): Board | undefined =>
  [PI_FILES.loader, PI_FILES.kernel, PI_FILES.initramfs].every((file) => files.includes(file))
    ? 'rpi4'
    : undefined;
