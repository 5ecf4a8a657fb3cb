import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';

/** SHA-256 in hexadecimal. */
export const sha256 = (bytes: Uint8Array | string): string =>
  createHash('sha256').update(bytes).digest('hex');

const known = new Map<string, string>();

/** SHA-256 of a file, remembered while it does not change. */
export async function fileSha256(file: string): Promise<string> {
  const { mtimeMs, size, ino } = await stat(file);
  const id = `${file} ${mtimeMs} ${size} ${ino}`;
  const digest = known.get(id) ?? sha256(await readFile(file));
  known.set(id, digest);
  return digest;
}
