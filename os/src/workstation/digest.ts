import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';

/** Returns the SHA-256 in hexadecimal. */
export const sha256 = (bytes: Uint8Array | string): string =>
  createHash('sha256').update(bytes).digest('hex');

const known = new Map<string, string>();

/** Returns the SHA-256 of a file in hexadecimal, from memory while the file does not change. */
export async function fileSha256(file: string): Promise<string> {
  const { mtimeMs, size, ino } = await stat(file);
  const id = `${file} ${mtimeMs} ${size} ${ino}`;
  const digest = known.get(id) ?? sha256(await readFile(file));
  known.set(id, digest);
  return digest;
}
