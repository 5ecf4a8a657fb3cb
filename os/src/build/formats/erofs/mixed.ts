import { KiosError } from '@kios/errors';

import { BLOCK, type ErofsImage, type Inode, LAYOUT, seal, SLOT } from './image.ts';

/*
 * Files of which parts are compressed in another way than the rest. The kernel reads two algorithms and cluster sizes
 * in one file (HEAD1 and HEAD2 of a full index), but mkfs.erofs compresses a file in one way. So each part is a file of
 * its own in an image by mkfs.erofs, and this puts the parts together to files of another image.
 */

/** A part of a file: as many bytes of an image's file, which begin at a page of the whole. */
export interface Part {
  readonly image: ErofsImage;
  readonly inode: Inode;
  /** The second way of the two in which parts are compressed. */
  readonly isSecond: boolean;
}

/** What an index says of a page (Z_EROFS_LCLUSTER_TYPE). */
const TYPE = { plain: 0, head1: 1, inner: 2, head2: 3 } as const;
const TYPE_MASK = 3;

const ENTRY_BYTES = 8;
const INODE_BYTES = 64;
/** The header of the map, and the room in front of a full index. */
const HEADER_BYTES = 16;
/** Clusters of more than a block, for both heads (Z_EROFS_ADVISE_BIG_PCLUSTER_1 and _2). */
const BIG_CLUSTERS = 6;
/** A first inner page says how many blocks the cluster has (Z_EROFS_LI_D0_CBLKCNT). */
const COUNTS = 0x800;

const align = (offset: number, unit: number): number => Math.ceil(offset / unit) * unit;

const unexpected = (what: string): KiosError =>
  new KiosError('KIOS_EROFS', `put the parts of a file together: ${what}`);

/** The index of a part, whose blocks count from its own first one. */
interface PartIndex {
  readonly algorithm: number | undefined;
  readonly entries: Buffer;
  /** The compressed or plain data. */
  readonly data: Buffer;
}

/** Reads a part that did not get smaller: its pages are as they were. */
function plainIndex({ image, inode }: Part): PartIndex {
  const pages = Math.ceil(inode.size / BLOCK);
  const entries = Buffer.alloc(pages * ENTRY_BYTES);
  for (let page = 0; page < pages; page += 1) {
    entries.writeUInt16LE(TYPE.plain, page * ENTRY_BYTES);
    entries.writeUInt32LE(page, page * ENTRY_BYTES + 4);
  }
  const start = inode.blocks * BLOCK;
  return {
    algorithm: undefined,
    entries,
    data: image.bytes.subarray(start, start + pages * BLOCK),
  };
}

/** Says whether an entry is the mark of a file's end: the last one, at the byte of its page where the file ends. */
const isEnd = (entries: Buffer, at: number, size: number): boolean =>
  at + ENTRY_BYTES === entries.length &&
  size % BLOCK !== 0 &&
  (entries.readUInt16LE(at) & TYPE_MASK) === TYPE.plain &&
  entries.readUInt16LE(at + 2) === size % BLOCK;

/** Returns the number of blocks of the cluster that begins at a page. */
function blocksAt(entries: Buffer, page: number): number {
  const next = (page + 1) * ENTRY_BYTES;
  if (next >= entries.length) return 1;
  const isInner = (entries.readUInt16LE(next) & TYPE_MASK) === TYPE.inner;
  const delta = isInner ? entries.readUInt16LE(next + 4) : 0;
  return (delta & COUNTS) === 0 ? 1 : delta & (COUNTS - 1);
}

/** Reads the full index of a compressed part. */
function compressedIndex({ image: { bytes }, inode, isSecond }: Part): PartIndex {
  const header = align(inode.end, 8);
  const advice = bytes.readUInt16LE(header + 4);
  if ((advice & ~BIG_CLUSTERS) !== 0 || bytes.readUInt8(header + 7) !== 0)
    throw unexpected(`its index has the advice ${advice}`);
  const start = header + HEADER_BYTES;
  const entries = Buffer.from(
    bytes.subarray(start, start + Math.ceil(inode.size / BLOCK) * ENTRY_BYTES),
  );
  const pieces: Buffer[] = [];
  let blocks = 0;
  for (let at = 0; at < entries.length; at += ENTRY_BYTES) {
    const type = entries.readUInt16LE(at) & TYPE_MASK;
    if (type === TYPE.inner || isEnd(entries, at, inode.size)) continue;
    const from = entries.readUInt32LE(at + 4);
    const count = type === TYPE.plain ? 1 : blocksAt(entries, at / ENTRY_BYTES);
    pieces.push(bytes.subarray(from * BLOCK, (from + count) * BLOCK));
    if (type === TYPE.head1 && isSecond)
      entries.writeUInt16LE(entries.readUInt16LE(at) | TYPE.head2, at);
    entries.writeUInt32LE(blocks, at + 4);
    blocks += count;
  }
  return { algorithm: bytes.readUInt8(header + 6) & 15, entries, data: Buffer.concat(pieces) };
}

function indexOf(part: Part): PartIndex {
  if (part.inode.layout === LAYOUT.compressedFull) return compressedIndex(part);
  if (part.inode.layout === LAYOUT.plain) return plainIndex(part);
  throw unexpected(`it has the layout ${part.inode.layout}`);
}

/** Returns the entries with their blocks moved by so many. */
function moved(entries: Buffer, by: number, size: number): Buffer {
  const result = Buffer.from(entries);
  for (let at = 0; at < result.length; at += ENTRY_BYTES) {
    const hasBlock = (result.readUInt16LE(at) & TYPE_MASK) !== TYPE.inner;
    if (hasBlock && !isEnd(result, at, size))
      result.writeUInt32LE(result.readUInt32LE(at + 4) + by, at + 4);
  }
  return result;
}

/** A file of the image that gets its content. */
export interface MixedFile {
  /** The empty file. */
  readonly inode: Inode;
  /** Where its number stands. */
  readonly names: readonly number[];
  readonly parts: readonly Part[];
}

function header(inode: Inode, size: number, blocks: number, algorithms: number): Buffer {
  const bytes = Buffer.alloc(INODE_BYTES + HEADER_BYTES);
  bytes.writeUInt16LE(1 | (LAYOUT.compressedFull << 1), 0);
  bytes.writeUInt16LE(inode.mode, 4);
  bytes.writeBigUInt64LE(BigInt(size), 8);
  bytes.writeUInt32LE(blocks, 16);
  bytes.writeUInt32LE(inode.number, 20);
  bytes.writeBigUInt64LE(inode.time, 32);
  bytes.writeUInt32LE(inode.links, 44);
  bytes.writeUInt16LE(BIG_CLUSTERS, INODE_BYTES + 4);
  bytes.writeUInt8(algorithms, INODE_BYTES + 6);
  return bytes;
}

/** The blocks and the inode of one file, ready to be appended. */
interface Prepared {
  readonly file: MixedFile;
  readonly data: Buffer[];
  readonly inode: Buffer;
}

/** Puts a file together whose data begins at block `first` of the image. */
function prepare(file: MixedFile, first: number): Prepared {
  const data: Buffer[] = [];
  const entries: Buffer[] = [];
  const algorithms = [0, 0];
  let [block, size] = [first, 0];
  for (const part of file.parts) {
    if (size % BLOCK !== 0) throw unexpected('a part that is not the last ends within a page');
    const index = indexOf(part);
    if (index.algorithm !== undefined) algorithms[part.isSecond ? 1 : 0] = index.algorithm;
    entries.push(moved(index.entries, block, part.inode.size));
    data.push(index.data);
    block += index.data.length / BLOCK;
    size += part.inode.size;
  }
  const both = algorithms[0]! | (algorithms[1]! << 4);
  return {
    file,
    data,
    inode: Buffer.concat([header(file.inode, size, block - first, both), ...entries]),
  };
}

/** Returns the image with the content of these files, which are empty in it. */
export function withMixedFiles(image: ErofsImage, files: readonly MixedFile[]): Buffer {
  for (const { parts } of files)
    for (const part of parts)
      if (!part.image.compression.equals(image.compression))
        throw unexpected('it was compressed with other settings');
  let blocks = image.bytes.length / BLOCK;
  const prepared = files.map((file) => {
    const next = prepare(file, blocks);
    blocks += next.data.reduce((sum, piece) => sum + piece.length / BLOCK, 0);
    return next;
  });
  let at = blocks * BLOCK;
  const inodes: Buffer[] = [];
  for (const { file, inode } of prepared) {
    for (const name of file.names)
      image.bytes.writeBigUInt64LE(BigInt((at - image.metaStart) / SLOT), name);
    const padded = Buffer.alloc(align(inode.length, SLOT));
    padded.set(inode);
    inodes.push(padded);
    at += padded.length;
  }
  const end = Buffer.alloc(align(at, BLOCK) - at);
  const data = prepared.flatMap((one) => one.data);
  return seal(Buffer.concat([image.bytes, ...data, ...inodes, end]));
}
