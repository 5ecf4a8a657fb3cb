import type { FileHandle } from 'node:fs/promises';

import { readAt } from '../kind.ts';

/** A file system as its first block describes it. */
export interface FileSystem {
  readonly kind: 'FAT32' | 'ext4';
  readonly label: string;
  /** A FAT's serial number, or the UUID. */
  readonly id: string;
  readonly usedBytes: number;
}

const text = (bytes: Buffer): string => bytes.toString('latin1').replace(/[\0 ]+$/, '');

/** Reads a FAT32 boot sector and the information sector that counts free clusters (Microsoft FAT specification). */
async function readFat(file: FileHandle, offset: number): Promise<FileSystem | undefined> {
  const boot = await readAt(file, offset, 512);
  if (boot.length < 512 || boot.toString('latin1', 82, 87) !== 'FAT32') return undefined;
  const [sector, perCluster] = [boot.readUInt16LE(11), boot[13]!];
  const tables = boot.readUInt16LE(14) + boot[16]! * boot.readUInt32LE(36);
  const clusters = Math.floor((boot.readUInt32LE(32) - tables) / perCluster);
  const info = await readAt(file, offset + boot.readUInt16LE(48) * sector, 512);
  const free = info.length === 512 ? info.readUInt32LE(488) : 0;
  // All ones: the number of free clusters is not known.
  const used = free > clusters ? 0 : (clusters - free) * perCluster * sector;
  const id = boot.readUInt32LE(67).toString(16).padStart(8, '0');
  return { kind: 'FAT32', label: text(boot.subarray(71, 82)), id, usedBytes: used };
}

/** Reads an ext4 superblock (Linux, Documentation/filesystems/ext4/super.rst). */
async function readExt4(file: FileHandle, offset: number): Promise<FileSystem | undefined> {
  const block = await readAt(file, offset + 1024, 1024);
  if (block.length < 1024 || block.readUInt16LE(0x38) !== 0xef53) return undefined;
  const wide = (low: number, high: number): number =>
    block.readUInt32LE(high) * 2 ** 32 + block.readUInt32LE(low);
  const size = 1024 * 2 ** block.readUInt32LE(0x18);
  const uuid = block.toString('hex', 0x68, 0x78);
  return {
    kind: 'ext4',
    label: text(block.subarray(0x78, 0x88)),
    id: uuid.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'),
    usedBytes: (wide(0x4, 0x150) - wide(0xc, 0x158)) * size,
  };
}

/** Describes the file system at a byte offset; undefined for any other content. */
export const readFileSystem = async (
  file: FileHandle,
  offset: number,
): Promise<FileSystem | undefined> =>
  (await readFat(file, offset)) ?? (await readExt4(file, offset));
