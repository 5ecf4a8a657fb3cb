import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

import { errorCode, EXIT, KiosError } from '@kios/errors';

import { SECTOR } from '../build/formats/gpt.ts';
import { CommandError } from '../workstation/run.ts';

/** A finished artefact of a build, told apart by its bytes and not by its name. */
export type ArtefactKind = 'disk' | 'efi' | 'root';

/** Bytes at the start of a disk that hold any common partition table, also the 248 entries of an ISO image. */
export const TABLE_BYTES = 64 * 1024;

const EROFS_AT = 1024;
const EROFS = 0xe0f5e1e2;
/** First bytes of compressed files, with the program that unpacks them. */
const COMPRESSED = { '28b52ffd': 'zstd -d', fd377a58: 'xz -d', '1f8b': 'gzip -d' } as const;

/** Returns the failure of a file that is no artefact of kiOS, or a damaged one. */
export const artefactError = (file: string, why: string, remedy?: string): KiosError =>
  new KiosError('KIOS_ARTEFACT', `read ${file}: ${why}`, {
    exitCode: EXIT.data,
    ...(remedy === undefined ? {} : { remedy }),
  });

/** Runs a tool that reads a part of an artefact; its failure says that the part is damaged, and the tool's reason. */
export async function readPart<T>(what: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (!(cause instanceof CommandError)) throw cause;
    const reason = cause.message.split('\n').at(-1) ?? '';
    throw new Error(`its ${what} is damaged: ${reason}`, { cause });
  }
}

/** Opens a file or a device to read it. A FIFO fails at once instead of waiting for a writer. */
export async function openArtefact(file: string): Promise<FileHandle> {
  try {
    return await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    const code = errorCode(cause);
    const remedies: Readonly<Record<string, string>> = {
      ENOENT: 'Build it with ./kios build, or name another file.',
      EACCES: 'Run the command as a user who may read it, for a device as root.',
    };
    const remedy = remedies[code ?? ''];
    throw new KiosError('KIOS_ARTEFACT', `read ${file}`, {
      cause,
      exitCode: code === 'EACCES' ? EXIT.permission : EXIT.data,
      ...(remedy === undefined ? {} : { remedy }),
    });
  }
}

/** Reads `bytes` bytes at `at`; fewer at the end of the file. */
export async function readAt(file: FileHandle, at: number, bytes: number): Promise<Buffer> {
  const buffer = Buffer.alloc(bytes);
  let read = 0;
  while (read < bytes) {
    const { bytesRead } = await file.read(buffer, read, bytes - read, at + read);
    if (bytesRead === 0) break;
    read += bytesRead;
  }
  return buffer.subarray(0, read);
}

const KINDS = 'Name a kios.img, a flashed device, a kios.efi or a root.erofs.';

/** Tells an artefact's kind; fails with the reason for any other file. */
export async function kindOf(name: string, file: FileHandle): Promise<ArtefactKind> {
  const status = await file.stat();
  if (!status.isFile() && !status.isBlockDevice())
    throw artefactError(name, 'it is neither a file nor a disk', KINDS);
  const start = await readAt(file, 0, EROFS_AT + 4);
  if (start.toString('latin1', SECTOR, SECTOR + 8) === 'EFI PART') return 'disk';
  if (start.toString('latin1', 0, 2) === 'MZ') return 'efi';
  if (start.length >= EROFS_AT + 4 && start.readUInt32LE(EROFS_AT) === EROFS) return 'root';
  const hex = start.toString('hex', 0, 4);
  const packer = Object.entries(COMPRESSED).find(([magic]) => hex.startsWith(magic))?.[1];
  if (packer !== undefined)
    throw artefactError(name, 'it is compressed', `Unpack it first: ${packer} FILE.`);
  throw artefactError(
    name,
    'it has no partition table and is neither an EFI file nor a root file system',
    KINDS,
  );
}
