import type { FileHandle } from 'node:fs/promises';

import { readAt } from '../kind.ts';
import { imageGuid } from './guid.ts';

/** Fields of the footer (Microsoft, Virtual Hard Disk Image Format Specification 1.0). */
const FOOTER = 512;
const TIME = 24;
const SUM = 64;
const UNIQUE_ID = 68;

/** The footer's checksum: the complement of the sum of its bytes, without the checksum itself. */
export function vhdChecksum(footer: Buffer): number {
  let sum = 0;
  for (const [at, byte] of footer.entries()) if (at < SUM || at >= SUM + 4) sum += byte;
  return ~sum >>> 0;
}

/** Gives the footer of a fixed VHD a time and an identifier that depend only on the image. */
export async function steadyVhd(file: FileHandle, bytes: number, sha256: string): Promise<void> {
  const footer = await readAt(file, bytes - FOOTER, FOOTER);
  if (footer.toString('latin1', 0, 8) !== 'conectix') throw new Error('no footer of a VHD');
  footer.writeUInt32BE(0, TIME);
  imageGuid('vhd', sha256).bytes.copy(footer, UNIQUE_ID);
  footer.writeUInt32BE(vhdChecksum(footer), SUM);
  await file.write(footer, 0, FOOTER, bytes - FOOTER);
}
