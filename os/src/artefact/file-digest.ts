import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';

import { Meter } from '../workstation/terminal/rate.ts';
import { readAt } from './kind.ts';

const CHUNK = 4 * 1024 * 1024;

/** Yields the first `bytes` bytes of a file in large chunks. */
export async function* chunksOf(file: FileHandle, bytes: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes; at += CHUNK) yield readAt(file, at, Math.min(CHUNK, bytes - at));
}

/** Returns the SHA-256 of the first `bytes` bytes in hexadecimal, and notes how far it is. */
export async function fileDigest(
  file: FileHandle,
  bytes: number,
  note: (detail: string) => void,
): Promise<string> {
  const hash = createHash('sha256');
  const meter = new Meter(note, bytes);
  for await (const chunk of chunksOf(file, bytes)) {
    hash.update(chunk);
    meter.add(chunk.length);
  }
  return hash.digest('hex');
}
