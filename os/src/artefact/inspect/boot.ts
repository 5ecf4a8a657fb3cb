import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { findBoard, findBootFile, PI_FILES } from '../../build/image/boot-file.ts';
import type { Board } from '../../workstation/paths.ts';
import { inspectEfi, inspectInitrd } from './efi.ts';
import type { InspectedBoard, InspectedEfi } from './model.ts';

/** What starts from a boot partition: a node's EFI file, or the files of a board. */
export type BootKind =
  | { readonly efi: string; readonly board?: undefined }
  | { readonly board: Board; readonly efi?: undefined };

/** Finds what starts next among the files of a boot partition. */
export function findBoot(files: readonly string[]): BootKind {
  const efi = findBootFile(files)?.file;
  if (efi !== undefined) return { efi };
  const board = findBoard(files);
  if (board !== undefined) return { board };
  throw new Error('its EFI system partition has no file that firmware starts');
}

/** What firmware starts, described, and the root file system in it. */
export interface InspectedBoot {
  readonly efi?: InspectedEfi;
  readonly board?: InspectedBoard;
  readonly root: Buffer;
}

/** Reads what firmware starts from a folder with the files of a boot partition. */
export async function inspectBoot(folder: string, kind: BootKind): Promise<InspectedBoot> {
  if (kind.efi !== undefined) return inspectEfi(await readFile(path.join(folder, kind.efi)));
  const read = (file: string): Promise<Buffer> => readFile(path.join(folder, file));
  const { early, root } = inspectInitrd(await read(PI_FILES.initramfs));
  const commandLine = (await read(PI_FILES.commandLine)).toString('utf8').trim();
  return { board: { name: kind.board, commandLine, early }, root };
}
