import { mkdtemp, open, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { crc32 } from 'node:zlib';

import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import {
  encodeGpt,
  guidBytes,
  layOut,
  namedGuid,
  type Partition,
  SECTOR,
  TYPE,
} from '../../../../src/build/formats/gpt.ts';
import { run } from '../../../../src/workstation/run.ts';

const MIB = 1024 * 1024;
const DISK = '11223344-5566-4788-99aa-bbccddeeff00';
const partitions: readonly Partition[] = [
  { type: TYPE.esp, guid: namedGuid('one'), label: 'kios-esp', bytes: 4 * MIB },
  { type: TYPE.data, guid: namedGuid('two'), label: 'dätä', bytes: 3 * MIB },
];

/** Runs `use` on a sparse file that holds nothing but the partition table. */
async function withDisk<T>(use: (file: string) => Promise<T>): Promise<T> {
  const layout = layOut(DISK, partitions);
  const { start, end } = encodeGpt(layout);
  const dir = await mkdtemp(path.join(tmpdir(), 'kios-gpt-'));
  const file = path.join(dir, 'disk');
  try {
    await writeFile(file, start);
    await truncate(file, layout.bytes);
    await using disk = await open(file, 'r+');
    await disk.write(end, 0, end.length, layout.bytes - end.length);
    return await use(file);
  } finally {
    await rm(dir, { recursive: true });
  }
}

it('stores the first three fields of a GUID little-endian', () => {
  // The type of an EFI system partition as it stands on every disk.
  expect(guidBytes(TYPE.esp).toString('hex')).toBe('28732ac11ff8d211ba4b00a0c93ec93b');
});

it('makes a GUID of a name: version 8, always the same', () => {
  expect(namedGuid('a')).toMatch(
    /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  );
  expect(namedGuid('a')).toBe(namedGuid('a'));
  expect(namedGuid('a')).not.toBe(namedGuid('b'));
});

it('is a table that util-linux reads', async () => {
  const listed = await withDisk((file) =>
    run('partx', ['--raw', '--noheadings', '--output', 'NR,START,SECTORS,TYPE,UUID,NAME', file]),
  );
  expect(listed.trim().split('\n')).toEqual([
    `1 2048 8192 ${TYPE.esp} ${namedGuid('one')} kios-esp`,
    `2 10240 6144 ${TYPE.data} ${namedGuid('two')} d\\xc3\\xa4t\\xc3\\xa4`,
  ]);
});

it('is known as a GPT by its disk GUID', async () => {
  const probed = await withDisk((file) => run('blkid', ['-p', '-o', 'export', file]));
  expect(probed).toContain('PTTYPE=gpt');
  expect(probed).toContain(`PTUUID=${DISK}`);
});

it('has a backup that serves when the first table is gone', async () => {
  const listed = await withDisk(async (file) => {
    await using disk = await open(file, 'r+');
    await disk.write(Buffer.alloc(33 * SECTOR), 0, 33 * SECTOR, SECTOR);
    return await run('partx', ['--raw', '--noheadings', '--output', 'NR,START', file]);
  });
  expect(listed.trim().split('\n')).toEqual(['1 2048', '2 10240']);
});

it('keeps tools that know no GPT off: one partition 0xEE over the disk', () => {
  const layout = layOut(DISK, partitions);
  const { start } = encodeGpt(layout);
  expect(start[450]).toBe(0xee);
  expect(start.readUInt32LE(454)).toBe(1);
  expect(start.readUInt32LE(458)).toBe(layout.bytes / SECTOR - 1);
  expect(start.readUInt16LE(510)).toBe(0xaa55);
});

it('has two headers that point at each other and sums that hold', () => {
  const layout = layOut(DISK, partitions);
  const { start, end } = encodeGpt(layout);
  const last = layout.bytes / SECTOR - 1;
  const [first, backup] = [start.subarray(SECTOR, 2 * SECTOR), end.subarray(-SECTOR)];
  const describe = (header: Buffer) => {
    const zeroed = Buffer.from(header.subarray(0, 92));
    zeroed.writeUInt32LE(0, 16);
    return {
      own: Number(header.readBigUInt64LE(24)),
      other: Number(header.readBigUInt64LE(32)),
      table: Number(header.readBigUInt64LE(72)),
      sum: header.readUInt32LE(16) === crc32(zeroed),
      tableSum: header.readUInt32LE(88) === crc32(start.subarray(2 * SECTOR)),
    };
  };
  expect(describe(first)).toEqual({ own: 1, other: last, table: 2, sum: true, tableSum: true });
  expect(describe(backup)).toEqual({
    own: last,
    other: 1,
    table: last - 32,
    sum: true,
    tableSum: true,
  });
  expect(end.subarray(0, -SECTOR)).toEqual(start.subarray(2 * SECTOR));
});

it('aligns partitions to 1 MiB, apart from each other and from both tables', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(sizes, (sectors) => {
      const layout = layOut(
        DISK,
        sectors.map((count) => ({ ...partitions[0]!, bytes: count * SECTOR })),
      );
      let free = 34 * SECTOR;
      for (const { offset, bytes } of layout.partitions) {
        expect(offset % MIB).toBe(0);
        expect(offset).toBeGreaterThanOrEqual(free);
        free = offset + bytes;
      }
      expect(free).toBeLessThanOrEqual(layout.bytes - 33 * SECTOR);
    }),
  );
});
