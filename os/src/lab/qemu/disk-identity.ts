import { open } from 'node:fs/promises';

import { EXIT, KiosError } from '@kios/errors';

import { decodeGpt, diskGuid, GPT_BYTES, TYPE } from '../../build/formats/gpt.ts';

/** Offsets of the serial number in a FAT32 boot sector, and of the UUID in an ext4 partition. */
const FAT_SERIAL = 67;
const EXT4_UUID = 1024 + 104;

const NUMBERS = ['disk', 'esp', 'data', 'espSerial', 'dataFileSystem'] as const;

/** The numbers by which a disk of kiOS differs from others. */
export type DiskIdentity = Readonly<Record<(typeof NUMBERS)[number], string>>;

/** Returns the names of the numbers in which two disks differ. */
export const differences = (one: DiskIdentity, other: DiskIdentity): string[] =>
  NUMBERS.filter((name) => one[name] !== other[name]);

/** Reads the identity of a disk image, also while a machine uses it. */
export async function readDiskIdentity(image: string): Promise<DiskIdentity> {
  await using file = await open(image);
  const read = async (offset: number, bytes: number): Promise<Buffer> => {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, offset);
    return buffer.subarray(0, bytesRead);
  };
  const table = await read(0, GPT_BYTES);
  const partitions = decodeGpt(table) ?? [];
  const esp = partitions.find(({ type }) => type === TYPE.esp);
  const data = partitions.find(({ type }) => type === TYPE.data);
  const disk = diskGuid(table);
  if (esp === undefined || data === undefined || disk === undefined)
    throw new KiosError('KIOS_DISK_IMAGE', `find kiOS's partitions in ${image}`, {
      exitCode: EXIT.data,
    });
  const serial = await read(esp.offset + FAT_SERIAL, 4);
  const uuid = await read(data.offset + EXT4_UUID, 16);
  return {
    disk,
    esp: esp.guid,
    data: data.guid,
    espSerial: serial.readUInt32LE().toString(16).padStart(8, '0'),
    dataFileSystem: uuid.toString('hex'),
  };
}
