import type { Arch } from '../../workstation/paths.ts';
import { Tree } from '../formats/tree.ts';
import type { Enrolment } from '../secure-boot/enrolment.ts';
import { BOOT_FILES } from './boot-file.ts';
import {
  entryFile,
  entryText,
  FIRST_GENERATION,
  LOADER_FILES,
  LOADER_SETTINGS,
  loaderSettings,
  slotFile,
} from './boot-slots.ts';
import { storedFile } from './stored-files.ts';
import type { BootProgram } from './stub.ts';

/** What a medium for UEFI starts. */
export interface EfiMedium {
  readonly arch: Arch;
  /** The node's EFI file, on the workstation, and the version of kiOS in it. */
  readonly efi: string;
  readonly version: string;
  readonly guard: BootProgram;
  readonly loader: BootProgram;
  /** The lists of keys that systemd-boot enrols in setup mode. */
  readonly enrolment?: Enrolment | undefined;
}

/** Returns the files that a fresh medium starts from: its first generation, and what chooses among generations. */
export function efiMediumFiles({ arch, efi, version, guard, loader, enrolment }: EfiMedium): Tree {
  const kios = { name: 'kios', version, kind: 'kios' } as const;
  const medium = new Tree()
    .file(`/${BOOT_FILES[arch]}`, 0o644, { bytes: guard.bytes }, guard.origin)
    .file(`/${LOADER_FILES[arch]}`, 0o644, { bytes: loader.bytes }, loader.origin)
    .text(`/${LOADER_SETTINGS}`, loaderSettings(), kios)
    .text(`/${entryFile(FIRST_GENERATION)}`, entryText(FIRST_GENERATION, version), kios)
    .file(`/${slotFile(FIRST_GENERATION)}`, 0o644, storedFile(efi), kios);
  for (const [name, bytes] of enrolment ?? []) medium.file(`/${name}`, 0o644, { bytes }, kios);
  return medium;
}
