import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** GUID partition table (UEFI specification 2.10, chapter 5). Partitions start at multiples of 1 MiB. */

/** Bytes of a sector. */
export const SECTOR = 512;
const ENTRIES = 128;
const ENTRY = 128;
const TABLE_SECTORS = (ENTRIES * ENTRY) / SECTOR;
/** Bytes of a header that its checksum covers. */
export const HEADER_BYTES = 92;
const ALIGNMENT = 1024 * 1024;
/** Bytes at the start of a disk that hold the table that `encodeGpt` writes. */
export const GPT_BYTES = (2 + TABLE_SECTORS) * SECTOR;

export const TYPE = {
  /** EFI system partition. */
  esp: 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b',
  /** kiOS's data partition (docs/host-api.md section 3). */
  data: '97aac693-d920-465a-94fe-eb59fc86dfaa',
} as const;

export interface Partition {
  readonly type: string;
  readonly guid: string;
  /** At most 36 UTF-16 units. */
  readonly label: string;
  readonly bytes: number;
}

export interface PlacedPartition extends Partition {
  /** Byte offset on the disk. */
  readonly offset: number;
}

export interface DiskLayout {
  readonly bytes: number;
  readonly guid: string;
  readonly partitions: readonly PlacedPartition[];
}

/** Formats the first 16 bytes with the dashes of a GUID. */
const dashed = (bytes: Buffer): string =>
  bytes.toString('hex', 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');

/** Swaps the byte order of a GUID's first three fields, which are little-endian on disks. */
function swapped(guid: Buffer): Buffer {
  guid.subarray(0, 4).reverse();
  guid.subarray(4, 6).reverse();
  guid.subarray(6, 8).reverse();
  return guid;
}

/** Encodes a GUID as disks store it. */
export const guidBytes = (guid: string): Buffer =>
  swapped(Buffer.from(guid.replaceAll('-', ''), 'hex'));

const guidText = (bytes: Buffer): string => dashed(swapped(Buffer.from(bytes)));

/** Returns a GUID that depends only on `name` (RFC 9562 version 8), so that equal inputs give equal disks. */
export function namedGuid(name: string): string {
  const hash = createHash('sha256').update(`kios:${name}`).digest();
  hash[6] = (hash[6]! & 0x0f) | 0x80;
  hash[8] = (hash[8]! & 0x3f) | 0x80;
  return dashed(hash);
}

const alignUp = (value: number): number => Math.ceil(value / ALIGNMENT) * ALIGNMENT;

/** Places partitions one after the other. */
export function placePartitions(guid: string, partitions: readonly Partition[]): DiskLayout {
  let offset = ALIGNMENT;
  const placed = partitions.map((partition) => {
    const at = offset;
    offset = alignUp(offset + partition.bytes);
    return { ...partition, offset: at };
  });
  return { guid, partitions: placed, bytes: offset + ALIGNMENT };
}

function entries(layout: DiskLayout): Buffer {
  const table = Buffer.alloc(ENTRIES * ENTRY);
  for (const [index, { type, guid, label, offset, bytes }] of layout.partitions.entries()) {
    const at = index * ENTRY;
    guidBytes(type).copy(table, at);
    guidBytes(guid).copy(table, at + 16);
    table.writeBigUInt64LE(BigInt(offset / SECTOR), at + 32);
    table.writeBigUInt64LE(BigInt((offset + bytes) / SECTOR - 1), at + 40);
    table.write(label, at + 56, 72, 'utf16le');
  }
  return table;
}

function header(
  layout: DiskLayout,
  table: Buffer,
  own: number,
  other: number,
  tableAt: number,
): Buffer {
  const last = layout.bytes / SECTOR - 1;
  const sector = Buffer.alloc(SECTOR);
  sector.write('EFI PART', 0, 'latin1');
  sector.writeUInt32LE(0x0001_0000, 8);
  sector.writeUInt32LE(HEADER_BYTES, 12);
  sector.writeBigUInt64LE(BigInt(own), 24);
  sector.writeBigUInt64LE(BigInt(other), 32);
  sector.writeBigUInt64LE(BigInt(2 + TABLE_SECTORS), 40);
  sector.writeBigUInt64LE(BigInt(last - 1 - TABLE_SECTORS), 48);
  guidBytes(layout.guid).copy(sector, 56);
  sector.writeBigUInt64LE(BigInt(tableAt), 72);
  sector.writeUInt32LE(ENTRIES, 80);
  sector.writeUInt32LE(ENTRY, 84);
  sector.writeUInt32LE(crc32(table), 88);
  sector.writeUInt32LE(crc32(sector.subarray(0, HEADER_BYTES)), 16);
  return sector;
}

/** One partition of type 0xEE covers the disk, so that tools without GPT support leave it alone. */
function protectiveMbr(sectors: number): Buffer {
  const sector = Buffer.alloc(SECTOR);
  sector.set([0x00, 0x00, 0x02, 0x00, 0xee, 0xff, 0xff, 0xff], 446);
  sector.writeUInt32LE(1, 454);
  sector.writeUInt32LE(Math.min(sectors - 1, 0xffff_ffff), 458);
  sector.writeUInt16LE(0xaa55, 510);
  return sector;
}

/** Encodes the table: `start` goes to byte 0 of the disk, `end` ends with the disk's last byte. */
export function encodeGpt(layout: DiskLayout): { start: Buffer; end: Buffer } {
  const sectors = layout.bytes / SECTOR;
  const table = entries(layout);
  const backup = sectors - 1;
  return {
    start: Buffer.concat([protectiveMbr(sectors), header(layout, table, 1, backup, 2), table]),
    end: Buffer.concat([table, header(layout, table, backup, 1, backup - TABLE_SECTORS)]),
  };
}

/**
 * Finds the entries by the header at sector 1. Returns undefined when one of them is cut short or its checksum is
 * wrong.
 */
export function readTable(disk: Buffer): { table: Buffer; entryBytes: number } | undefined {
  const header = Buffer.from(disk.subarray(SECTOR, SECTOR + HEADER_BYTES));
  if (header.length < HEADER_BYTES || header.toString('latin1', 0, 8) !== 'EFI PART') return;
  const sum = header.readUInt32LE(16);
  header.writeUInt32LE(0, 16);
  const tableAt = Number(header.readBigUInt64LE(72)) * SECTOR;
  const entryBytes = header.readUInt32LE(84);
  const bytes = header.readUInt32LE(80) * entryBytes;
  if (sum !== crc32(header) || entryBytes < ENTRY || tableAt + bytes > disk.length) return;
  const table = disk.subarray(tableAt, tableAt + bytes);
  return header.readUInt32LE(88) === crc32(table) ? { table, entryBytes } : undefined;
}

/** Returns the disk's own GUID from its first bytes; undefined when these do not hold a complete, valid table. */
export const diskGuid = (disk: Buffer): string | undefined =>
  readTable(disk) === undefined ? undefined : guidText(disk.subarray(SECTOR + 56, SECTOR + 72));

const UNUSED = '00000000-0000-0000-0000-000000000000';

/**
 * Decodes the partitions from the first bytes of a disk. Returns undefined when these do not hold a complete, valid
 * table.
 */
export function decodeGpt(disk: Buffer): PlacedPartition[] | undefined {
  const { table, entryBytes } = readTable(disk) ?? {};
  if (table === undefined || entryBytes === undefined) return undefined;
  const partitions: PlacedPartition[] = [];
  for (let at = 0; at < table.length; at += entryBytes) {
    const entry = table.subarray(at, at + ENTRY);
    const type = guidText(entry);
    if (type === UNUSED) continue;
    const [first, last] = [entry.readBigUInt64LE(32), entry.readBigUInt64LE(40)];
    partitions.push({
      type,
      guid: guidText(entry.subarray(16)),
      label: entry.toString('utf16le', 56).replace(/\0.*$/s, ''),
      offset: Number(first) * SECTOR,
      bytes: Number(last - first + 1n) * SECTOR,
    });
  }
  return partitions;
}
