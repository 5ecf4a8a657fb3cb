import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';

import { errorCode } from '@kios/errors';

import { BootstrapError } from '../../core/faults/errors.ts';

const unread = (file: string, why: string): BootstrapError =>
  new BootstrapError('KIOS_BOOTSTRAP_DOCUMENT', `read ${file}: ${why}`);

/** Opens a file without waiting for the writer of a FIFO; undefined when it does not exist. */
async function openPlain(file: string): Promise<FileHandle | undefined> {
  try {
    return await open(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (cause) {
    const code = errorCode(cause);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new BootstrapError('KIOS_BOOTSTRAP_DOCUMENT', `read ${file}`, { cause });
  }
}

/** Reads `size` bytes. A file that has more by now is being written to, by whoever has the volume. */
async function readExactly(handle: FileHandle, size: number): Promise<Uint8Array | undefined> {
  const buffer = Buffer.alloc(size + 1);
  let length = 0;
  for (let more = true; more && length <= size;) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length, length);
    length += bytesRead;
    more = bytesRead > 0;
  }
  return length > size ? undefined : buffer.subarray(0, length);
}

/**
 * Reads a regular file of at most `limit` bytes; undefined when it does not exist. A volume comes from anywhere: of a
 * file on it, `volume` is the folder, and a link that leads out of its file system is refused.
 */
export async function readPlainFile(
  file: string,
  limit: number,
  volume?: string,
): Promise<Uint8Array | undefined> {
  const handle = await openPlain(file);
  if (handle === undefined) return undefined;
  try {
    const info = await handle.stat();
    if (!info.isFile()) throw unread(file, 'it is not a regular file');
    if (volume !== undefined && (await stat(volume)).dev !== info.dev)
      throw unread(file, 'it is a link out of its volume');
    if (info.size > limit) throw unread(file, `it is longer than ${limit} bytes`);
    const bytes = await readExactly(handle, info.size);
    if (bytes === undefined) throw unread(file, 'it grew while it was read');
    return bytes;
  } finally {
    await handle.close();
  }
}
