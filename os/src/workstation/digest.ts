import { createHash } from 'node:crypto';
import { open, stat } from 'node:fs/promises';

/** Returns the SHA-256 in hexadecimal. */
export const sha256 = (bytes: Uint8Array | string): string =>
  createHash('sha256').update(bytes).digest('hex');

const known = new Map<string, string>();

const CHUNK_BYTES = 1 << 20;

/** Reads a file in pieces: a disk image has more bytes than fit into a buffer. */
async function readSha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  const chunk = Buffer.alloc(CHUNK_BYTES);
  await using opened = await open(file);
  for (let more = true; more;) {
    const { bytesRead } = await opened.read(chunk, 0, chunk.length, null);
    hash.update(chunk.subarray(0, bytesRead));
    more = bytesRead > 0;
  }
  return hash.digest('hex');
}

/** Returns the SHA-256 of a file in hexadecimal, from memory while the file does not change. */
export async function fileSha256(file: string): Promise<string> {
  const { mtimeMs, size, ino } = await stat(file);
  const id = `${file} ${mtimeMs} ${size} ${ino}`;
  const digest = known.get(id) ?? (await readSha256(file));
  known.set(id, digest);
  return digest;
}
