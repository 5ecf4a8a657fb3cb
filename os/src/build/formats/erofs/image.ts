import { KiosError } from '@kios/errors';

/** Bytes of a block. mkfs.erofs makes no others here. */
export const BLOCK = 4096;
/** Bytes of a slot, the unit of inode numbers. */
export const SLOT = 32;

const SUPERBLOCK = 1024;
const MAGIC = 0xe0f5e1e2;
/** Offsets in the superblock (fs/erofs/erofs_fs.h). */
const AT = {
  checksum: 4,
  blockBits: 12,
  rootNid: 14,
  time: 24,
  blocks: 36,
  metaBlock: 40,
  algorithms: 84,
} as const;
const SUPERBLOCK_BYTES = 128;

/** How the data of an inode is laid out (i_format, bits 1 to 3). */
export const LAYOUT = { plain: 0, compressedFull: 1, inline: 2, compressedCompact: 3 } as const;

const EXTENDED_BYTES = 64;
const COMPACT_BYTES = 32;
const TYPE_MASK = 0o170000;
const DIRECTORY = 0o040000;

/** An inode of an image. */
export interface Inode {
  readonly nid: number;
  /** Where its fixed part ends, in bytes from the start of the image. */
  readonly end: number;
  readonly layout: number;
  /** Type and permissions, as in stat(2). */
  readonly mode: number;
  readonly size: number;
  readonly links: number;
  /** The number that 32-bit programs see. */
  readonly number: number;
  /** Number of compressed blocks, or the first block of plain data. */
  readonly blocks: number;
  /** The time of the last change in seconds. */
  readonly time: bigint;
}

/** A name in a folder. */
export interface Name {
  readonly path: string;
  readonly nid: number;
  /** Where the inode's number stands, in bytes from the start of the image. */
  readonly at: number;
}

const damaged = (what: string): KiosError =>
  new KiosError('KIOS_EROFS', `read an EROFS image: ${what}`);

/** CRC-32C (Castagnoli) with a seed of all ones and without a final inversion, as EROFS has it. */
export function checksum(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return crc >>> 0;
}

/** Returns the checksum of an image's first block. */
function sumOf(image: Buffer): number {
  const covered = Buffer.from(image.subarray(SUPERBLOCK, BLOCK));
  covered.writeUInt32LE(0, AT.checksum);
  return checksum(covered);
}

/** Writes the number of blocks of an image that has grown, and its checksum. */
export function seal(image: Buffer): Buffer {
  image.writeUInt32LE(image.length / BLOCK, SUPERBLOCK + AT.blocks);
  image.writeUInt32LE(sumOf(image), SUPERBLOCK + AT.checksum);
  return image;
}

/** An EROFS image in memory (kernel documentation: filesystems/erofs.rst). */
export class ErofsImage {
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    if (bytes.length < BLOCK || bytes.readUInt32LE(SUPERBLOCK) !== MAGIC)
      throw damaged('it has no superblock');
    if (1 << bytes.readUInt8(SUPERBLOCK + AT.blockBits) !== BLOCK)
      throw damaged('its blocks are not of 4096 bytes');
    if (bytes.readUInt32LE(SUPERBLOCK + AT.checksum) !== sumOf(bytes))
      throw damaged('its checksum is wrong');
  }

  /** Byte from which inode numbers count. */
  get metaStart(): number {
    return this.bytes.readUInt32LE(SUPERBLOCK + AT.metaBlock) * BLOCK;
  }

  /** The compression algorithms, one bit each, and their settings, which every cluster must have been made with. */
  get compression(): Buffer {
    const known = this.bytes.readUInt16LE(SUPERBLOCK + AT.algorithms);
    const start = SUPERBLOCK + SUPERBLOCK_BYTES;
    let end = start;
    for (let rest = known; rest > 0; rest &= rest - 1) end += 2 + this.bytes.readUInt16LE(end);
    return Buffer.concat([
      this.bytes.subarray(SUPERBLOCK + AT.algorithms, SUPERBLOCK + AT.algorithms + 2),
      this.bytes.subarray(start, end),
    ]);
  }

  /** Reads an inode. */
  inode(nid: number): Inode {
    const { bytes } = this;
    const at = this.metaStart + nid * SLOT;
    const format = bytes.readUInt16LE(at);
    if (bytes.readUInt16LE(at + 2) !== 0) throw damaged('a file has extended attributes');
    const isExtended = (format & 1) === 1;
    return {
      nid,
      end: at + (isExtended ? EXTENDED_BYTES : COMPACT_BYTES),
      layout: (format >> 1) & 7,
      mode: bytes.readUInt16LE(at + 4),
      size: isExtended ? Number(bytes.readBigUInt64LE(at + 8)) : bytes.readUInt32LE(at + 8),
      links: isExtended ? bytes.readUInt32LE(at + 44) : bytes.readUInt16LE(at + 6),
      blocks: bytes.readUInt32LE(at + 16),
      number: bytes.readUInt32LE(at + 20),
      time: bytes.readBigUInt64LE(isExtended ? at + 32 : SUPERBLOCK + AT.time),
    };
  }

  /** Yields where each block of a folder lies: its start and its end. */
  *#blocksOf({ layout, size, blocks, end }: Inode): Generator<[number, number]> {
    if (layout !== LAYOUT.plain && layout !== LAYOUT.inline)
      throw damaged('a folder is neither plain nor inline');
    const whole = layout === LAYOUT.inline ? Math.floor(size / BLOCK) : Math.ceil(size / BLOCK);
    for (let block = 0; block < whole; block += 1) {
      const start = (blocks + block) * BLOCK;
      yield [start, start + Math.min(BLOCK, size - block * BLOCK)];
    }
    if (layout === LAYOUT.inline) yield [end, end + (size % BLOCK)];
  }

  *#namesIn(start: number, end: number): Generator<{ name: string; nid: number; at: number }> {
    const { bytes } = this;
    const count = bytes.readUInt16LE(start + 8) / 12;
    for (let index = 0; index < count; index += 1) {
      const at = start + index * 12;
      const from = start + bytes.readUInt16LE(at + 8);
      const to = index + 1 < count ? start + bytes.readUInt16LE(at + 20) : end;
      const name = bytes.toString('utf8', from, to).replace(/\0+$/, '');
      yield { name, nid: Number(bytes.readBigUInt64LE(at)), at };
    }
  }

  /** Yields every name of the image, folders before what they have. */
  *names(
    folder = this.inode(this.bytes.readUInt16LE(SUPERBLOCK + AT.rootNid)),
    above = '',
  ): Generator<Name> {
    for (const [start, end] of this.#blocksOf(folder))
      for (const { name, nid, at } of this.#namesIn(start, end)) {
        if (name === '.' || name === '..') continue;
        const path = `${above}/${name}`;
        yield { path, nid, at };
        const inode = this.inode(nid);
        if ((inode.mode & TYPE_MASK) === DIRECTORY) yield* this.names(inode, path);
      }
  }
}
