import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { expect, onTestFinished, test } from 'vitest';

import { makeDisk } from '../../src/build/image/disk.ts';
import { openToolroot } from '../../src/build/sources/debian/toolroot.ts';
import { findDataPartition } from '../../src/lab/qemu/data-partition.ts';
import { silent } from '../../src/workstation/progress.ts';

/**
 * Features of an ext4 superblock by field: offset and the bits that must be set. Linux,
 * Documentation/filesystems/ext4/super.rst.
 */
const WANTED = {
  'has_journal, ext_attr, resize_inode, dir_index': [0x5c, 0x4 | 0x8 | 0x10 | 0x20],
  'filetype, extents, 64bit, flex_bg': [0x60, 0x2 | 0x40 | 0x80 | 0x200],
  'sparse_super, large_file, metadata_csum': [0x64, 0x1 | 0x2 | 0x400],
} as const;

test(
  'the data partition has a journal and checks its metadata, so that a power cut damages nothing',
  { timeout: 120_000 },
  async () => {
    const dir = await mkdtemp(path.join(tmpdir(), 'kios-disk-'));
    onTestFinished(() => rm(dir, { recursive: true }));
    const [efi, out] = [path.join(dir, 'kios.efi'), path.join(dir, 'kios.img')];
    await writeFile(efi, 'MZ');
    const tools = await openToolroot(silent);
    await makeDisk({ out, efi, arch: 'amd64', time: 1_790_000_000, tools });

    await using disk = await open(out);
    const superblock = Buffer.alloc(1024);
    await disk.read(superblock, 0, 1024, (await findDataPartition(out)) + 1024);
    expect(superblock.readUInt16LE(0x38)).toBe(0xef53);
    const lacking = Object.entries(WANTED).filter(
      ([, [offset, bits]]) => (superblock.readUInt32LE(offset) & bits) !== bits,
    );
    expect(lacking).toEqual([]);
  },
);
