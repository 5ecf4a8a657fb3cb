import { copyFile, open, rename, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { KiosError } from '@kios/errors';

import type { Arch } from '../../workstation/paths.ts';
import {
  encodeGpt,
  placePartitions,
  namedGuid,
  type PlacedPartition,
  TYPE,
} from '../formats/gpt.ts';
import type { Toolroot } from '../sources/debian/toolroot.ts';

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
/** Room for the running EFI file, the next one, and files that an operator adds. */
const ESP_BYTES = 512 * MIB;
/** Enough to start with. Nothing enlarges it on a larger disk: `datapart=` can name a larger partition instead. */
const DATA_BYTES = 1024 * MIB;

/** The partitions of every image. */
export const LAYOUT = placePartitions(IDENTIFIERS.disk, [
  { type: TYPE.esp, guid: IDENTIFIERS.esp, label: 'kios-esp', bytes: ESP_BYTES },
  { type: TYPE.data, guid: IDENTIFIERS.data, label: 'kios-data', bytes: DATA_BYTES },
]);

/** The file that firmware starts from removable media (UEFI specification 2.10, section 3.5.1.1). */
const BOOT_FILE = { amd64: 'BOOTX64.EFI', arm64: 'BOOTAA64.EFI' } as const;

async function makeEsp(
  file: string,
  efi: string,
  arch: Arch,
  time: number,
  tools: Toolroot,
): Promise<void> {
  await writeFile(file, '');
  await truncate(file, ESP_BYTES);
  await tools.run('usr/sbin/mkfs.fat', [
    '-F',
    '32',
    '-n',
    'KIOS',
    '--invariant', // it sets a serial number, so it comes before -i
    '-i',
    IDENTIFIERS.espSerial,
    file,
  ]);
  // mcopy -m takes an entry's time stamp from its source.
  const staged = `${file}.efi`;
  await copyFile(efi, staged);
  await utimes(staged, time, time);
  const env = { SOURCE_DATE_EPOCH: String(time), TZ: 'UTC' };
  await tools.run('usr/bin/mmd', ['-i', file, '::EFI', '::EFI/BOOT', '::kios'], { env });
  await tools.run('usr/bin/mcopy', ['-m', '-i', file, staged, `::EFI/BOOT/${BOOT_FILE[arch]}`], {
    env,
  });
  await rm(staged);
}

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
  const options = `lazy_itable_init=1,lazy_journal_init=1,hash_seed=${namedGuid('hash')},root_owner=0:0`;
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

/** Copies a file to a partition's offset on the disk, leaving holes where it is zero. */
async function place(
  disk: string,
  source: string,
  { offset, bytes }: PlacedPartition,
): Promise<void> {
  await using from = await open(source);
  await using to = await open(disk, 'r+');
  const chunk = Buffer.alloc(MIB);
  for (let at = 0; at < bytes;) {
    const { bytesRead } = await from.read(chunk, 0, chunk.length, at);
    if (bytesRead === 0) break;
    const piece = chunk.subarray(0, bytesRead);
    if (piece.some((byte) => byte !== 0)) await to.write(piece, 0, bytesRead, offset + at);
    at += bytesRead;
  }
}

export interface DiskRequest {
  readonly out: string;
  readonly efi: string;
  readonly arch: Arch;
  /** Seconds since the epoch. */
  readonly time: number;
  readonly tools: Toolroot;
}

/**
 * Makes the disk image that is flashed, with the EFI system partition, which holds the EFI file, and the data
 * partition. It is sparse; making it needs neither root rights nor loop devices.
 */
export async function makeDisk({ out, efi, arch, time, tools }: DiskRequest): Promise<void> {
  const { size } = await stat(efi);
  if (size > ESP_BYTES / 2)
    throw new KiosError(
      'KIOS_IMAGE_SIZE',
      `put ${path.basename(efi)} (${Math.ceil(size / MIB)} MiB) on the EFI system partition`,
    );
  const [esp, data, scratch] = [`${out}.esp`, `${out}.data`, `${out}.tmp`];
  try {
    await makeEsp(esp, efi, arch, time, tools);
    await makeData(data, time, tools);
    await writeFile(scratch, '');
    await truncate(scratch, LAYOUT.bytes);
    await place(scratch, esp, LAYOUT.partitions[0]!);
    await place(scratch, data, LAYOUT.partitions[1]!);
    const { start, end } = encodeGpt(LAYOUT);
    await using disk = await open(scratch, 'r+');
    await disk.write(start, 0, start.length, 0);
    await disk.write(end, 0, end.length, LAYOUT.bytes - end.length);
    await disk.sync();
    await rename(scratch, out);
  } finally {
    await rm(esp, { force: true });
    await rm(data, { force: true });
    await rm(scratch, { force: true });
  }
}
