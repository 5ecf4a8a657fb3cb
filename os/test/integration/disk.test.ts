import { type FileHandle, mkdtemp, open, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { decodeGpt, GPT_BYTES, guidBytes, SECTOR } from '../../src/build/formats/gpt.ts';
import { slotFile } from '../../src/build/image/boot-slots.ts';
import { IDENTIFIERS, LAYOUT, makeDisk } from '../../src/build/image/disk.ts';
import { openToolroot, type Toolroot } from '../../src/build/sources/debian/toolroot.ts';
import { listData, writeToData } from '../../src/lab/qemu/data-partition.ts';
import { silent } from '../../src/workstation/progress.ts';
import { run } from '../../src/workstation/run.ts';
import { mediumWith } from '../support/efi-medium.ts';

/**
 * Features of an ext4 superblock by field: offset and the bits that must be set. Linux,
 * Documentation/filesystems/ext4/super.rst.
 */
const WANTED = {
  'has_journal, ext_attr, resize_inode, dir_index': [0x5c, 0x4 | 0x8 | 0x10 | 0x20],
  'filetype, extents, 64bit, flex_bg, metadata_csum_seed': [
    0x60,
    0x2 | 0x40 | 0x80 | 0x200 | 0x2000,
  ],
  'sparse_super, large_file, metadata_csum': [0x64, 0x1 | 0x2 | 0x400],
} as const;

const MIB = 1024 * 1024;

let dir: string;
let tools: Toolroot;
let disk: FileHandle;

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-disk-'));
  const [efi, out] = [path.join(dir, 'kios.efi'), path.join(dir, 'kios.img')];
  await writeFile(efi, 'MZ');
  tools = await openToolroot(silent);
  await makeDisk({ out, boot: mediumWith(efi), time: 1_790_000_000, tools });
  disk = await open(out);
}, 120_000);

afterAll(async () => {
  await disk.close();
  await rm(dir, { recursive: true });
});

async function read(at: number, bytes: number): Promise<Buffer> {
  const { buffer } = await disk.read(Buffer.alloc(bytes), 0, bytes, at);
  return buffer;
}

const [esp, data] = LAYOUT.partitions.map(({ offset }) => offset);

test('the data partition has a journal and checks its metadata, so that a power cut damages nothing', async () => {
  const superblock = await read(data! + 1024, 1024);
  expect(superblock.readUInt16LE(0x38)).toBe(0xef53);
  const lacking = Object.entries(WANTED).filter(
    ([, [offset, bits]]) => (superblock.readUInt32LE(offset) & bits) !== bits,
  );
  expect(lacking).toEqual([]);
});

test('the disk carries the identifiers that init replaces at the first boot', async () => {
  const table = await read(0, GPT_BYTES);
  expect(decodeGpt(table)?.map(({ guid }) => guid)).toEqual([IDENTIFIERS.esp, IDENTIFIERS.data]);
  expect(table.subarray(SECTOR + 56, SECTOR + 72)).toEqual(guidBytes(IDENTIFIERS.disk));
  const serial = Number.parseInt(IDENTIFIERS.espSerial, 16);
  // A FAT32 boot sector and its copy in sector 6.
  for (const at of [esp!, esp! + 6 * SECTOR])
    expect((await read(at + 67, 4)).readUInt32LE()).toBe(serial);
  const uuid = Buffer.from(IDENTIFIERS.dataFileSystem.replaceAll('-', ''), 'hex');
  expect(await read(data! + 1024 + 0x68, 16)).toEqual(uuid);
});

test('a test can put there what a pod could: files, FIFOs and links to anywhere', async () => {
  const image = path.join(dir, 'kios.img');
  await writeToData(image, {
    '/meta/etc/kios/plain': { content: 'text' },
    '/meta/etc/waits': { fifo: true },
    '/meta/etc/kios/leads': { link: '/proc/kmsg' },
  });
  const debugfs = (command: string): Promise<string> =>
    run('/usr/sbin/debugfs', ['-R', command, `${image}?offset=${data}`]);
  expect(await listData(image, '/meta/etc/kios')).toEqual(['plain', 'leads']);
  expect(await listData(image, '/meta/none')).toEqual([]);
  expect(await debugfs('cat /meta/etc/kios/plain')).toBe('text');
  expect(await debugfs('stat /meta/etc/waits')).toContain('Type: FIFO');
  expect(await debugfs('stat /meta/etc/kios/leads')).toContain('/proc/kmsg');
});

/** Prints the ranges of a file that are no holes, as `OFFSET END` lines: what a program that skips holes writes. */
const ALLOCATED = `
import os, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
size, at = os.fstat(fd).st_size, 0
while at < size:
    try: start = os.lseek(fd, at, os.SEEK_DATA)
    except OSError: break
    at = os.lseek(fd, start, os.SEEK_HOLE)
    print(start, at)
`;

test('on a used medium, where holes leave what was there, both file systems are whole', async () => {
  const [image, medium] = [path.join(dir, 'kios.img'), path.join(dir, 'medium')];
  const listing = (await run('python3', ['-c', ALLOCATED, image])).trim().split('\n');
  const ranges = listing.map((line) => line.split(' ').map(Number));
  const written = ranges.reduce((sum, [start = 0, end = 0]) => sum + end - start, 0);
  expect(written).toBeLessThan(128 * MIB);

  await using used = await open(medium, 'w+');
  const stale = Buffer.alloc(4 * MIB, 0xa5);
  for (let at = 0; at < LAYOUT.bytes; at += stale.length)
    await used.write(stale, 0, Math.min(stale.length, LAYOUT.bytes - at), at);
  for (const [start = 0, end = 0] of ranges)
    await used.write(await read(start, end - start), 0, end - start, start);

  await run('/usr/sbin/e2fsck', ['-f', '-n', `${medium}?offset=${data}`]);
  const partition = path.join(dir, 'esp');
  const { bytes } = LAYOUT.partitions[0]!;
  const from = ['if=' + medium, `skip=${esp! / MIB}`, `count=${bytes / MIB}`, `bs=${MIB}`];
  await run('dd', [...from, `of=${partition}`, 'status=none']);
  await tools.run('usr/sbin/fsck.fat', ['-n', partition]);
  await rm(partition);
  await rm(medium);
}, 120_000);

test('the first generation starts through guard and loader, by an entry that no setting overrides', async () => {
  const at = `${path.join(dir, 'kios.img')}@@${esp}`;
  const listed = (await tools.run('usr/bin/mdir', ['-b', '-/', '-i', at, '::'])).trim().split('\n');
  const files = listed.filter((name) => !name.endsWith('/')).map((name) => name.slice(3));
  expect(files.filter((name) => !name.startsWith('kios/')).toSorted()).toEqual([
    'EFI/BOOT/BOOTX64.EFI',
    'EFI/kios/0001.efi',
    'EFI/systemd/systemd-bootx64.efi',
    'loader/entries/kios-0001.conf',
    'loader/loader.conf',
  ]);
  const read = (name: string) => tools.run('usr/bin/mtype', ['-i', at, `::${name}`]);
  expect(await read('EFI/BOOT/BOOTX64.EFI')).toBe('the guard');
  expect(await read('EFI/systemd/systemd-bootx64.efi')).toBe('the loader');
  expect(await read('loader/loader.conf')).not.toMatch(/^default/m);
  const entry = await read('loader/entries/kios-0001.conf');
  expect(entry).toContain('linux /EFI/kios/0001.efi');
  expect(entry).not.toMatch(/^options/m);
});

test('people find a folder of theirs on the EFI system partition, with a document that a node takes', async () => {
  const at = `${path.join(dir, 'kios.img')}@@${esp}`;
  const names = (await tools.run('usr/bin/mdir', ['-b', '-i', at, '::kios'])).trim().split('\n');
  expect(names).toEqual([
    '::/kios/manifests/',
    '::/kios/README.txt',
    '::/kios/bootstrap.yaml.example',
  ]);
});

test('there is room for three EFI files of the largest size that firmware takes', async () => {
  const efi = path.join(dir, 'large.efi');
  await writeFile(efi, '');
  await truncate(efi, 321 * MIB);
  const out = path.join(dir, 'large.img');
  const request = { out, boot: mediumWith(efi), time: 0, tools };
  await expect(makeDisk(request)).rejects.toMatchObject({ code: 'KIOS_IMAGE_SIZE' });
  await truncate(efi, 300 * MIB);
  await makeDisk(request);
  for (const generation of [2, 3])
    await tools.run('usr/bin/mcopy', ['-i', `${out}@@${esp}`, efi, `::${slotFile(generation)}`]);
}, 120_000);
