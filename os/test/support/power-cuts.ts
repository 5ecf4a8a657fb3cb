import { type FileHandle, open } from 'node:fs/promises';

import type { LoggedWrite } from './write-log.ts';

const SECTOR = 512;
/** Of the file systems that the build makes. */
const BLOCK = 4096;
/** Where ext4 has its superblock, and the number of its blocks in there. */
const SUPER = {
  at: 1024,
  blocksLow: 4,
  logBlock: 24,
  blocksHigh: 0x150,
  magicAt: 56,
  magic: 0xef53,
  bytes: 1024,
} as const;

/** A part of a disk as a file of its own. */
export interface PartFile {
  readonly file: string;
  /** Place on the disk. */
  readonly offset: number;
  readonly bytes: number;
}

const bytesIn = (superblock: Buffer): number =>
  (superblock.readUInt32LE(SUPER.blocksLow) + superblock.readUInt32LE(SUPER.blocksHigh) * 2 ** 32) *
  2 ** (10 + superblock.readUInt32LE(SUPER.logBlock));

/** Returns the size in bytes of the ext4 file system in a file. */
export async function ext4Bytes(file: string): Promise<number> {
  await using part = await open(file);
  const { buffer } = await part.read(Buffer.alloc(SUPER.bytes), 0, SUPER.bytes, SUPER.at);
  return bytesIn(buffer);
}

/** Returns the largest size in a write's superblocks, in their own place or in the journal; 0 without one. */
async function sizeIn(log: FileHandle, { from, length }: LoggedWrite): Promise<number> {
  let largest = 0;
  for (let at = 0; at + BLOCK <= length; at += BLOCK) {
    const { buffer } = await log.read(Buffer.alloc(SUPER.bytes), 0, SUPER.bytes, from + at + SUPER.at); // prettier-ignore
    if (buffer.readUInt16LE(SUPER.magicAt) === SUPER.magic)
      largest = Math.max(largest, bytesIn(buffer));
  }
  return largest;
}

/**
 * Finds where a file system grows in the writes to its part: from the first superblock with a larger size, in the
 * journal, to the one in its own place with a size of at least `wanted`.
 */
export async function growthIn(
  file: string,
  writes: readonly LoggedWrite[],
  part: PartFile,
  size: { readonly old: number; readonly wanted: number },
): Promise<{ readonly first: number; readonly last: number }> {
  await using log = await open(file);
  let first: number | undefined;
  for (const [index, write] of writes.entries()) {
    const found = await sizeIn(log, write);
    if (found > size.old) first ??= index;
    const isInPlace = write.offset <= part.offset && write.offset + write.length > part.offset;
    if (first !== undefined && isInPlace && found >= size.wanted) return { first, last: index };
  }
  throw new Error(`${file} has no file system that grows to ${size.wanted} bytes`);
}

/** Returns the writes that touch a part. */
export const touching = (
  writes: readonly LoggedWrite[],
  { offset, bytes }: PartFile,
): LoggedWrite[] =>
  writes.filter((write) => write.offset + write.length > offset && write.offset < offset + bytes);

/** Carries out the first `bytes` of a write in a part. */
async function apply(
  log: string,
  write: LoggedWrite,
  part: PartFile,
  bytes: number,
): Promise<void> {
  const skipped = Math.max(0, part.offset - write.offset);
  const length = Math.min(bytes, part.offset + part.bytes - write.offset) - skipped;
  if (length <= 0) return;
  await using source = await open(log);
  await using target = await open(part.file, 'r+');
  const { buffer } = await source.read(Buffer.alloc(length), 0, length, write.from + skipped);
  await target.write(buffer, 0, length, write.offset + skipped - part.offset);
}

/** Carries out whole writes in a part. */
export async function replay(
  log: string,
  writes: readonly LoggedWrite[],
  part: PartFile,
): Promise<void> {
  for (const write of writes) await apply(log, write, part, write.length);
}

/** Carries out the first half of a write's sectors, as when power fails during it. */
export const tear = (log: string, write: LoggedWrite, part: PartFile): Promise<void> =>
  apply(log, write, part, Math.floor(write.length / SECTOR / 2) * SECTOR);

/** Returns `count` numbers from `first` to `last`, evenly spread; all of them when there are fewer. */
export function spread(first: number, last: number, count: number): number[] {
  const step = Math.max(1, (last - first) / (count - 1));
  const numbers = Array.from({ length: count }, (_, index) => Math.round(first + index * step));
  return numbers.filter((number) => number <= last);
}
