import { copyFile, mkdtemp, open, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { KiosError } from '@kios/errors';

import { sha256, fileSha256 } from '../../workstation/digest.ts';
import { pathsBelow } from '../../workstation/paths-below.ts';
import { repository } from '../../workstation/paths.ts';
import type { ByteRange } from '../formats/byte-range.ts';
import { decodeFat32, FAT32_BOOT_BYTES, usedInFat32 } from '../formats/fat32.ts';
import type { Content, Tree } from '../formats/tree.ts';
import type { Toolroot } from '../sources/debian/toolroot.ts';

/** Files of the EFI system partition that are copied unchanged; the folder `kios` is for people. */
const FILES = path.join(repository, 'os/esp');
/** Folders for people, the outer ones first. */
const FOLDERS = ['kios', 'kios/manifests'] as const;

const shippedFiles = async (): Promise<string[]> => (await pathsBelow(FILES)).files;

/** Returns the digest of the files that are copied unchanged. */
export async function espFilesDigest(): Promise<string> {
  const files = await shippedFiles();
  const digests = await Promise.all(files.map((name) => fileSha256(path.join(FILES, name))));
  return sha256(files.map((name, index) => `${name} ${digests[index]}`).join('\n'));
}

export interface EspRequest {
  /** The file that becomes the partition's content. */
  readonly file: string;
  readonly bytes: number;
  /** Number of the file system, eight hexadecimal digits. */
  readonly serial: string;
  /** What firmware starts, by its place on the partition. */
  readonly boot: Tree;
  /** Seconds since the epoch. */
  readonly time: number;
  readonly tools: Toolroot;
}

type FileContent = Content | { readonly file: string };

/** Returns the files of a tree, by their places on the partition. */
const filesIn = (tree: Tree): (readonly [name: string, content: FileContent])[] =>
  tree
    .sorted()
    .flatMap(([where, entry]) =>
      entry.type === 'file' ? [[where.slice(1), entry.content] as const] : [],
    );

const foldersIn = (tree: Tree): string[] =>
  tree.sorted().flatMap(([where, { type }]) => (type === 'directory' ? [where.slice(1)] : []));

/** Makes a FAT32 file system with what firmware starts and the folder for people. */
export async function makeEsp(request: EspRequest): Promise<void> {
  const { file, bytes, serial, boot, time, tools } = request;
  await writeFile(file, '');
  await truncate(file, bytes);
  // --invariant sets a serial number, so it comes before -i.
  const format = ['-F', '32', '-n', 'KIOS', '--invariant', '-i', serial, file];
  await tools.run('usr/sbin/mkfs.fat', format);
  const env = { SOURCE_DATE_EPOCH: String(time), TZ: 'UTC' };
  const folders = [...foldersIn(boot), ...FOLDERS];
  await tools.run('usr/bin/mmd', ['-i', file, ...folders.map((name) => `::${name}`)], { env });
  const shipped = (await shippedFiles()).map(
    (name) => [name, { file: path.join(FILES, name) }] as const,
  );
  const dir = await mkdtemp(`${file}.`);
  try {
    for (const [name, content] of [...filesIn(boot), ...shipped]) {
      // mcopy -m takes an entry's time stamp from its source.
      const staged = path.join(dir, 'staged');
      if ('bytes' in content) await writeFile(staged, content.bytes);
      else await copyFile(content.file, staged);
      await utimes(staged, time, time);
      await tools.run('usr/bin/mcopy', ['-m', '-i', file, staged, `::${name}`], { env });
      await rm(staged);
    }
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Returns the bytes of a FAT32 file system that belong to something. */
export async function usedInEsp(file: string): Promise<ByteRange[]> {
  await using esp = await open(file);
  const boot = await esp.read(Buffer.alloc(FAT32_BOOT_BYTES), 0, FAT32_BOOT_BYTES, 0);
  const fat = decodeFat32(boot.buffer);
  if (fat === undefined) throw new KiosError('KIOS_DISK_IMAGE', `read the FAT32 of ${file}`);
  const { offset, bytes } = fat.table;
  return usedInFat32(fat, (await esp.read(Buffer.alloc(bytes), 0, bytes, offset)).buffer);
}
