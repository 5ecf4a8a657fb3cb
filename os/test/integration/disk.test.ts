import { type FileHandle, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { decodeGpt, GPT_BYTES, guidBytes, SECTOR } from '../../src/build/formats/gpt.ts';
import { IDENTIFIERS, LAYOUT, makeDisk } from '../../src/build/image/disk.ts';
import { openToolroot } from '../../src/build/sources/debian/toolroot.ts';
import { listData, writeToData } from '../../src/lab/qemu/data-partition.ts';
import { silent } from '../../src/workstation/progress.ts';
import { run } from '../../src/workstation/run.ts';

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

let dir: string;
let disk: FileHandle;

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-disk-'));
  const [efi, out] = [path.join(dir, 'kios.efi'), path.join(dir, 'kios.img')];
  await writeFile(efi, 'MZ');
  const tools = await openToolroot(silent);
  await makeDisk({ out, efi, arch: 'amd64', time: 1_790_000_000, tools });
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
