import { crc32 } from 'node:zlib';

import { HEADER_BYTES, readTable, SECTOR } from './gpt.ts';

/** A partition table that was made for an image, as a larger disk needs it. */
export interface FittedTable {
  /** The first bytes of the disk; they name the disk's end where those of the image named the image's. */
  readonly start: Buffer;
  /** The second table, which belongs at the end of the disk. */
  readonly backup: { readonly offset: number; readonly bytes: Buffer };
  /** The second table of the image, which now lies in the middle of the disk. */
  readonly stale: { readonly offset: number; readonly length: number };
}

const FIELD = { own: 24, other: 32, lastUsable: 48, entriesAt: 72, sum: 16 } as const;

const alignUp = (bytes: number): number => Math.ceil(bytes / SECTOR) * SECTOR;
const sectorAt = (header: Buffer, field: number): number => Number(header.readBigUInt64LE(field));

/** Returns the size of the disk that a table was made for, from the disk's first bytes; undefined without a table. */
export function gptDiskBytes(start: Buffer): number | undefined {
  if (readTable(start) === undefined) return undefined;
  return (sectorAt(start.subarray(SECTOR), FIELD.other) + 1) * SECTOR;
}

/** Returns a header with other values of 64-bit fields, each given by its offset. */
function withFields(header: Buffer, fields: readonly (readonly [number, number])[]): Buffer {
  const sector = Buffer.from(header);
  for (const [field, value] of fields) sector.writeBigUInt64LE(BigInt(value), field);
  sector.writeUInt32LE(0, FIELD.sum);
  sector.writeUInt32LE(crc32(sector.subarray(0, HEADER_BYTES)), FIELD.sum);
  return sector;
}

const MBR_ENTRIES = [446, 462, 478, 494] as const;
const PROTECTIVE = 0xee;
const LARGEST = 0xffff_ffff;

/** Lets the protective entry cover the disk. An entry that covers less is a hybrid table's and stays. */
function fitMbr(mbr: Buffer, oldSectors: number, sectors: number): void {
  for (const at of MBR_ENTRIES)
    if (
      mbr[at + 4] === PROTECTIVE &&
      mbr.readUInt32LE(at + 12) === Math.min(oldSectors - 1, LARGEST)
    )
      mbr.writeUInt32LE(Math.min(sectors - 1, LARGEST), at + 12);
}

/**
 * Fits the table in an image's first bytes to a disk that is at least as large as the image (UEFI specification 2.10,
 * section 5.3.2: the second table ends with the disk's last sector). Returns undefined without a table.
 */
export function fitGpt(image: Buffer, diskBytes: number): FittedTable | undefined {
  const { table } = readTable(image) ?? {};
  const oldBytes = gptDiskBytes(image);
  if (table === undefined || oldBytes === undefined) return undefined;
  const header = image.subarray(SECTOR, 2 * SECTOR);
  const tableSectors = alignUp(table.length) / SECTOR;
  const last = Math.floor(diskBytes / SECTOR) - 1;
  const lastUsable = last - tableSectors - 1;
  const start = Buffer.from(image);
  withFields(header, [
    [FIELD.other, last],
    [FIELD.lastUsable, lastUsable],
  ]).copy(start, SECTOR);
  fitMbr(start, oldBytes / SECTOR, last + 1);
  const entriesAt = last - tableSectors;
  const second = withFields(header, [
    [FIELD.own, last],
    [FIELD.other, 1],
    [FIELD.lastUsable, lastUsable],
    [FIELD.entriesAt, entriesAt],
  ]);
  const length = (tableSectors + 1) * SECTOR;
  return {
    start,
    backup: {
      offset: entriesAt * SECTOR,
      bytes: Buffer.concat([table, Buffer.alloc(alignUp(table.length) - table.length), second]),
    },
    stale: { offset: oldBytes - length, length },
  };
}
