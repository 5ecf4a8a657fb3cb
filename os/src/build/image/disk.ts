import { mkdtemp, open, rename, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { KiosError } from '@kios/errors';

import type { ByteRange } from '../formats/byte-range.ts';
import { dataParts, encodeDataImage } from '../formats/data-image.ts';
import { usedInExt4 } from '../formats/ext4.ts';
import {
  encodeGpt,
  placePartitions,
  namedGuid,
  type PlacedPartition,
  TYPE,
} from '../formats/gpt.ts';
import { sizeOf, type Tree } from '../formats/tree.ts';
import type { Toolroot } from '../sources/debian/toolroot.ts';
import { makeEsp, usedInEsp } from './esp.ts';

/**
 * The identifiers of every image, the same in each, so that equal inputs give equal images. Init replaces them at the
 * first boot and knows them by `packages/host-api/vectors/disk.json`.
 */
export const IDENTIFIERS = {
  disk: namedGuid('disk'),
  esp: namedGuid('esp'),
  data: namedGuid('data'),
  espSerial: '6b696f73',
  dataFileSystem: namedGuid('data-fs'),
} as const;

const MIB = 1024 * 1024;
const ESP_BYTES = 1024 * MIB;
/** The system that runs, the next one and the one before. */
const GENERATIONS = 3;
/** Room for the files that people add. */
const PEOPLE_BYTES = 64 * MIB;
/** Enough to start with. Init gives the partition the rest of the disk, and the agent `resize` its file system. */
const DATA_BYTES = 1024 * MIB;

/** The partitions of every image. */
export const LAYOUT = placePartitions(IDENTIFIERS.disk, [
  { type: TYPE.esp, guid: IDENTIFIERS.esp, label: 'kios-esp', bytes: ESP_BYTES },
  { type: TYPE.data, guid: IDENTIFIERS.data, label: 'kios-data', bytes: DATA_BYTES },
]);

/**
 * The features of ext4 in Debian's mke2fs.conf; without that file, `mke2fs -t ext4` makes no journal. With
 * metadata_csum_seed the checksums do not depend on the UUID, so that init can change it.
 */
const DATA_FEATURES = [
  'none', 'has_journal', 'extent', 'huge_file', 'flex_bg', 'metadata_csum', 'metadata_csum_seed', '64bit', 'dir_nlink', 'extra_isize',
  'sparse_super', 'large_file', 'filetype', 'resize_inode', 'dir_index', 'ext_attr',
]; // prettier-ignore

async function makeData(file: string, time: number, tools: Toolroot): Promise<void> {
  await writeFile(file, '');
  await truncate(file, DATA_BYTES);
  // Nothing is left to be zeroed later: on a used medium there are old inodes and an old journal.
  const options = `lazy_itable_init=0,lazy_journal_init=0,hash_seed=${namedGuid('hash')},root_owner=0:0`;
  await tools.run(
    'usr/sbin/mke2fs',
    [
      '-q',
      '-F',
      '-t',
      'ext4',
      '-O',
      DATA_FEATURES.join(','),
      '-b',
      '4096',
      '-I',
      '256',
      '-L',
      'kios-data',
      '-U',
      IDENTIFIERS.dataFileSystem,
      '-m',
      '1',
      '-E',
      options,
      file,
    ],
    {
      env: {
        SOURCE_DATE_EPOCH: String(time),
        E2FSPROGS_FAKE_TIME: String(time),
        MKE2FS_CONFIG: '/dev/null',
      },
    },
  );
}

/** Returns the bytes of the data partition's file system that are in use: its metadata, while it is new. */
const usedInData = async (file: string, tools: Toolroot): Promise<ByteRange[]> =>
  usedInExt4(await tools.run('usr/sbin/dumpe2fs', [file]));

/** Makes the empty file system of the data partition in the form in which init copies it; `scratch` is a folder. */
export async function makeDataImage(
  scratch: string,
  time: number,
  tools: Toolroot,
): Promise<Buffer> {
  const folder = await mkdtemp(path.join(scratch, 'data-'));
  try {
    const file = path.join(folder, 'ext4');
    await makeData(file, time, tools);
    await using from = await open(file);
    const parts = await dataParts(await usedInData(file, tools), async ({ offset, bytes }) => {
      const { buffer } = await from.read(Buffer.alloc(bytes), 0, bytes, offset);
      return buffer;
    });
    return encodeDataImage(DATA_BYTES, parts);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Copies the used parts of a file system to its partition. They are written even where they are zero, because a program
 * that skips the holes of the image would leave there what the medium held before. The rest stays a hole.
 */
async function place(
  disk: string,
  source: string,
  { offset }: PlacedPartition,
  used: readonly ByteRange[],
): Promise<void> {
  await using from = await open(source);
  await using to = await open(disk, 'r+');
  const chunk = Buffer.alloc(MIB);
  for (const { offset: start, bytes } of used) {
    const end = start + bytes;
    for (let at = start; at < end;) {
      const { bytesRead } = await from.read(chunk, 0, Math.min(chunk.length, end - at), at);
      if (bytesRead === 0) break;
      await to.write(chunk, 0, bytesRead, offset + at);
      at += bytesRead;
    }
  }
}

/** Writes the partition table, and zeros between it and the partitions, where other tables may have been. */
async function writeTable(file: string): Promise<void> {
  const { start, end } = encodeGpt(LAYOUT);
  const [first] = LAYOUT.partitions;
  const last = LAYOUT.partitions.at(-1)!;
  const head = Buffer.alloc(first!.offset);
  const tail = Buffer.alloc(LAYOUT.bytes - last.offset - last.bytes);
  start.copy(head);
  end.copy(tail, tail.length - end.length);
  await using disk = await open(file, 'r+');
  await disk.write(head, 0, head.length, 0);
  await disk.write(tail, 0, tail.length, LAYOUT.bytes - tail.length);
  await disk.sync();
}

export interface DiskRequest {
  readonly out: string;
  /** What firmware starts, by its place on the EFI system partition. */
  readonly boot: Tree;
  /** Seconds since the epoch. */
  readonly time: number;
  readonly tools: Toolroot;
}

async function assertRoom(boot: Tree): Promise<void> {
  let size = 0;
  for (const [, entry] of boot.sorted())
    if (entry.type === 'file') size += await sizeOf(entry.content);
  if (size * GENERATIONS <= ESP_BYTES - PEOPLE_BYTES) return;
  throw new KiosError(
    'KIOS_IMAGE_SIZE',
    `put ${GENERATIONS} systems of ${Math.ceil(size / MIB)} MiB on the EFI system partition`,
  );
}

/**
 * Makes the disk image that is flashed, with the EFI system partition, which holds what firmware starts, and the data
 * partition. It is sparse; making it needs neither root rights nor loop devices.
 */
export async function makeDisk(request: DiskRequest): Promise<void> {
  const { out, boot, time, tools } = request;
  await assertRoom(boot);
  const [esp, data, scratch] = [`${out}.esp`, `${out}.data`, `${out}.tmp`];
  try {
    const { espSerial: serial } = IDENTIFIERS;
    await makeEsp({ file: esp, bytes: ESP_BYTES, serial, boot, time, tools });
    await makeData(data, time, tools);
    await writeFile(scratch, '');
    await truncate(scratch, LAYOUT.bytes);
    await place(scratch, esp, LAYOUT.partitions[0]!, await usedInEsp(esp));
    await place(scratch, data, LAYOUT.partitions[1]!, await usedInData(data, tools));
    await writeTable(scratch);
    await rename(scratch, out);
  } finally {
    await rm(esp, { force: true });
    await rm(data, { force: true });
    await rm(scratch, { force: true });
  }
}
