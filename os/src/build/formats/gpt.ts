import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** GUID partition table (UEFI specification 2.10, chapter 5). Sectors are 512 bytes, partitions start at multiples of 1 MiB. */
export const SECTOR = 512;
const ENTRIES = 128;
const ENTRY = 128;
const TABLE_SECTORS = (ENTRIES * ENTRY) / SECTOR;
const ALIGNMENT = 1024 * 1024;

export const TYPE = {
  /** EFI system partition. */
  esp: 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b',
  /** kiOS data partition, as the original's. */
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

/** GUID as stored: the first three fields little-endian. */
export function guidBytes(guid: string): Buffer {
  const raw = Buffer.from(guid.replaceAll('-', ''), 'hex');
  raw.subarray(0, 4).reverse();
  raw.subarray(4, 6).reverse();
  raw.subarray(6, 8).reverse();
  return raw;
}

/** A GUID that depends on nothing but `name` (RFC 9562 version 8), so that equal inputs give equal disks. */
export function namedGuid(name: string): string {
  const hash = createHash('sha256').update(`kios:${name}`).digest();
  hash[6] = (hash[6]! & 0x0f) | 0x80;
  hash[8] = (hash[8]! & 0x3f) | 0x80;
  const hex = hash.toString('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20, 32),
  ].join('-');
}

const alignUp = (value: number): number => Math.ceil(value / ALIGNMENT) * ALIGNMENT;

/** Places partitions one behind the other. */
export function layOut(guid: string, partitions: readonly Partition[]): DiskLayout {
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
  sector.writeUInt32LE(92, 12);
  sector.writeBigUInt64LE(BigInt(own), 24);
  sector.writeBigUInt64LE(BigInt(other), 32);
  sector.writeBigUInt64LE(BigInt(2 + TABLE_SECTORS), 40);
  sector.writeBigUInt64LE(BigInt(last - 1 - TABLE_SECTORS), 48);
  guidBytes(layout.guid).copy(sector, 56);
  sector.writeBigUInt64LE(BigInt(tableAt), 72);
  sector.writeUInt32LE(ENTRIES, 80);
  sector.writeUInt32LE(ENTRY, 84);
  sector.writeUInt32LE(crc32(table), 88);
  sector.writeUInt32LE(crc32(sector.subarray(0, 92)), 16);
  return sector;
}

/** One partition of type 0xEE over the whole disk, so that tools that know no GPT keep off. */
function protectiveMbr(sectors: number): Buffer {
  const sector = Buffer.alloc(SECTOR);
  sector.set([0x00, 0x00, 0x02, 0x00, 0xee, 0xff, 0xff, 0xff], 446);
  sector.writeUInt32LE(1, 454);
  sector.writeUInt32LE(Math.min(sectors - 1, 0xffff_ffff), 458);
  sector.writeUInt16LE(0xaa55, 510);
  return sector;
}

/** The sectors that make up the table: `start` at byte 0, `end` up to the disk's last byte. */
export function encodeGpt(layout: DiskLayout): { start: Buffer; end: Buffer } {
  const sectors = layout.bytes / SECTOR;
  const table = entries(layout);
  const backup = sectors - 1;
  return {
    start: Buffer.concat([protectiveMbr(sectors), header(layout, table, 1, backup, 2), table]),
    end: Buffer.concat([table, header(layout, table, backup, 1, backup - TABLE_SECTORS)]),
  };
}
