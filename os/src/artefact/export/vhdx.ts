import type { FileHandle } from 'node:fs/promises';

import { guidBytes } from '../../build/formats/gpt.ts';
import { readAt } from '../kind.ts';
import { imageGuid } from './guid.ts';

/** Places and fields of a VHDX file (Microsoft, [MS-VHDX]). */
const KIB = 1024;
const HEADERS = [64 * KIB, 128 * KIB] as const;
const HEADER = 4 * KIB;
const REGION_TABLE = 192 * KIB;
const TABLE = 64 * KIB;
const ENTRY = 32;
const METADATA_REGION = guidBytes('8b7ca206-4790-4b9a-b8fe-575f050f886e');
const DISK_ID = guidBytes('beca12ab-b2e6-4523-93ef-c309e000c746');
const FIELD = {
  sum: 4, number: 8, fileId: 16, dataId: 32, logId: 48, logBytes: 68, logAt: 72,
} as const; // prettier-ignore

const CASTAGNOLI = 0x82f6_3b78;
const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = (value >>> 1) ^ ((value & 1) * CASTAGNOLI);
  return value >>> 0;
});

/** CRC-32C (RFC 3720, appendix B.4), which zlib lacks. */
export function crc32c(bytes: Uint8Array): number {
  let sum = 0xffff_ffff;
  for (const byte of bytes) sum = (sum >>> 8) ^ CRC[(sum ^ byte) & 0xff]!;
  return ~sum >>> 0;
}

/** Finds an entry by its identifier in a table whose entries start at `first`; undefined when it has none. */
function findEntry(table: Buffer, first: number, id: Buffer): Buffer | undefined {
  for (let at = first; at + ENTRY <= table.length; at += ENTRY)
    if (table.subarray(at, at + 16).equals(id)) return table.subarray(at, at + ENTRY);
  return undefined;
}

async function readHeader(file: FileHandle, at: number): Promise<Buffer> {
  const header = await readAt(file, at, HEADER);
  if (header.toString('latin1', 0, 4) !== 'head') throw new Error('no header of a VHDX');
  // An identifier here means that the log must be replayed first.
  if (header.subarray(FIELD.logId, FIELD.logId + 16).some((byte) => byte !== 0))
    throw new Error('the log of the VHDX is in use');
  return header;
}

/** Replaces what is random in the headers, and empties the log, which holds copies of it. */
async function steadyHeaders(file: FileHandle, sha256: string): Promise<void> {
  const headers = await Promise.all(HEADERS.map((at) => readHeader(file, at)));
  const numbers = headers.map((header) => header.readBigUInt64LE(FIELD.number));
  for (const [index, header] of headers.entries()) {
    // The header with the higher number counts; the first number is random.
    const isNewer = numbers[index]! > numbers[1 - index]!;
    header.writeBigUInt64LE(isNewer ? 2n : 1n, FIELD.number);
    imageGuid('vhdx-file', sha256).bytes.copy(header, FIELD.fileId);
    imageGuid('vhdx-data', sha256).bytes.copy(header, FIELD.dataId);
    header.writeUInt32LE(0, FIELD.sum);
    header.writeUInt32LE(crc32c(header), FIELD.sum);
    await file.write(header, 0, HEADER, HEADERS[index]);
  }
  const [first] = headers;
  const log = Buffer.alloc(first!.readUInt32LE(FIELD.logBytes));
  await file.write(log, 0, log.length, Number(first!.readBigUInt64LE(FIELD.logAt)));
}

/** Gives a VHDX that nothing has open identifiers that depend only on the image. */
export async function steadyVhdx(file: FileHandle, sha256: string): Promise<void> {
  await steadyHeaders(file, sha256);
  const regions = await readAt(file, REGION_TABLE, TABLE);
  const region = findEntry(regions, 16, METADATA_REGION);
  if (region === undefined) throw new Error('no metadata in the VHDX');
  const start = Number(region.readBigUInt64LE(16));
  const metadata = await readAt(file, start, TABLE);
  const item = findEntry(metadata, 32, DISK_ID);
  if (item === undefined) throw new Error('no identifier of the disk in the VHDX');
  const id = imageGuid('vhdx-disk', sha256).bytes;
  await file.write(id, 0, id.length, start + item.readUInt32LE(16));
}
