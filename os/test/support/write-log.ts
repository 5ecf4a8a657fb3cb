import { open } from 'node:fs/promises';

/** From Documentation/admin-guide/device-mapper/log-writes.rst, whose format QEMU's blklogwrites has. */
const MAGIC = 0x6a_73_66_77_73_68_72n;
const VERSION = 1n;
const FLUSH = 1n;
const FUA = 2n;
const DISCARD = 4n;
/** The unit of places, whatever the size of an entry's header. */
const HEADER_FIELDS = 32;

/** A write to a disk, whose bytes lie in the log. */
export interface LoggedWrite {
  /** Place on the disk. */
  readonly offset: number;
  readonly length: number;
  /** Place in the log. */
  readonly from: number;
  /** Number of the flushes before it. A disk may carry out the writes between two flushes in any order. */
  readonly epoch: number;
}

/** Lists the writes in a log, in their order. Flushes and discards have no bytes and are left out. */
export async function readWriteLog(file: string): Promise<LoggedWrite[]> {
  await using log = await open(file);
  const at = async (offset: number): Promise<Buffer> => {
    const { buffer, bytesRead } = await log.read(Buffer.alloc(HEADER_FIELDS), 0, HEADER_FIELDS, offset); // prettier-ignore
    if (bytesRead < HEADER_FIELDS) throw new Error(`${file} ends at ${offset + bytesRead}`);
    return buffer;
  };
  const first = await at(0);
  if (first.readBigUInt64LE(0) !== MAGIC || first.readBigUInt64LE(8) !== VERSION)
    throw new Error(`${file} is no log of writes`);
  const count = Number(first.readBigUInt64LE(16));
  const sector = first.readUInt32LE(24);
  const writes: LoggedWrite[] = [];
  let offset = sector;
  let epoch = 0;
  for (let entry = 0; entry < count; entry++) {
    const header = await at(offset);
    offset += sector;
    const length = Number(header.readBigUInt64LE(8)) * sector;
    const flags = header.readBigUInt64LE(16);
    if ((flags & FLUSH) !== 0n) epoch += 1;
    if (length === 0 || (flags & DISCARD) !== 0n) continue;
    const place = Number(header.readBigUInt64LE(0)) * sector;
    writes.push({ offset: place, length, from: offset, epoch });
    if ((flags & FUA) !== 0n) epoch += 1;
    offset += length;
  }
  return writes;
}
