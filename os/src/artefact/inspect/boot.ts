import { readFile } from 'node:fs/promises';
import path from 'node:path';

import {
  type BoardStart,
  findBoardStart,
  findBootFile,
  PI_FILES,
} from '../../build/image/boot-file.ts';
import { readIfThere } from '../../workstation/files.ts';
import { inspectEfi, inspectInitrd } from './efi.ts';
import type { InspectedBoard, InspectedEfi } from './model.ts';

/** What starts from a boot partition: a node's EFI file, or the files of a board. */
export type BootKind =
  | { readonly efi: string; readonly board?: undefined }
  | (BoardStart & { readonly efi?: undefined });

/** Finds what starts next in a folder with these files of a boot partition. */
export async function findBoot(folder: string, files: readonly string[]): Promise<BootKind> {
  const efi = findBootFile(files)?.file;
  if (efi !== undefined) return { efi };
  const config = (await readIfThere(path.join(folder, PI_FILES.config))) ?? '';
  const start = findBoardStart(files, config);
  if (start !== undefined) return start;
  throw new Error('its EFI system partition has no file that firmware starts');
}

/** Names the file of a boot partition with which the system begins that starts next. */
export const startsWith = (kind: BootKind): string =>
  kind.efi ?? `${kind.prefix}${PI_FILES.kernel}`;

/** What firmware starts, described, and the root file system in it. */
export interface InspectedBoot {
  readonly efi?: InspectedEfi;
  readonly board?: InspectedBoard;
  readonly root: Buffer;
}

/** Reads what firmware starts from a folder with the files of a boot partition. */
export async function inspectBoot(folder: string, kind: BootKind): Promise<InspectedBoot> {
  if (kind.efi !== undefined) return inspectEfi(await readFile(path.join(folder, kind.efi)));
  const read = (file: string): Promise<Buffer> =>
    readFile(path.join(folder, `${kind.prefix}${file}`));
  const { early, root } = inspectInitrd(await read(PI_FILES.initramfs));
  const commandLine = (await read(PI_FILES.commandLine)).toString('utf8').trim();
  return { board: { name: kind.board, commandLine, early }, root };
}
