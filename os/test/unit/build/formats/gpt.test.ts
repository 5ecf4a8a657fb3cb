import { mkdtemp, open, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { crc32 } from 'node:zlib';

import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import {
  decodeGpt,
  encodeGpt,
  GPT_BYTES,
  guidBytes,
  placePartitions,
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

/** Runs `use` on a sparse file that holds only the partition table. */
async function withDisk<T>(use: (file: string) => Promise<T>): Promise<T> {
  const layout = placePartitions(DISK, partitions);
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
  // The type of an EFI system partition as every disk stores it.
  expect(guidBytes(TYPE.esp).toString('hex')).toBe('28732ac11ff8d211ba4b00a0c93ec93b');
});

it('makes a GUID of version 8 from a name, always the same one', () => {
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

it('is recognised as a GPT with its disk GUID', async () => {
  const probed = await withDisk((file) => run('blkid', ['-p', '-o', 'export', file]));
  expect(probed).toContain('PTTYPE=gpt');
  expect(probed).toContain(`PTUUID=${DISK}`);
});

it('has a backup that is used when the first table is lost', async () => {
  const listed = await withDisk(async (file) => {
    await using disk = await open(file, 'r+');
    await disk.write(Buffer.alloc(33 * SECTOR), 0, 33 * SECTOR, SECTOR);
    return await run('partx', ['--raw', '--noheadings', '--output', 'NR,START', file]);
  });
  expect(listed.trim().split('\n')).toEqual(['1 2048', '2 10240']);
});

it('protects the disk from tools without GPT support by one partition 0xEE', () => {
  const layout = placePartitions(DISK, partitions);
  const { start } = encodeGpt(layout);
  expect(start[450]).toBe(0xee);
  expect(start.readUInt32LE(454)).toBe(1);
  expect(start.readUInt32LE(458)).toBe(layout.bytes / SECTOR - 1);
  expect(start.readUInt16LE(510)).toBe(0xaa55);
});

it('has two headers that point at each other, with correct checksums', () => {
  const layout = placePartitions(DISK, partitions);
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

it('aligns partitions to 1 MiB without overlapping another or a table', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(sizes, (sectors) => {
      const layout = placePartitions(
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

const anyPartition: fc.Arbitrary<Partition> = fc.record({
  type: fc.uuid(),
  guid: fc.uuid(),
  label: fc.stringMatching(/^[a-zäß -]{0,36}$/),
  bytes: fc.integer({ min: 1, max: 5000 }).map((sectors) => sectors * SECTOR),
});

it('is decoded to the partitions that were encoded', () => {
  fc.assert(
    fc.property(fc.array(anyPartition, { maxLength: 128 }), (any) => {
      const layout = placePartitions(DISK, any);
      const { start } = encodeGpt(layout);
      expect(start).toHaveLength(GPT_BYTES);
      expect(decodeGpt(start)).toEqual(layout.partitions);
      expect(decodeGpt(Buffer.concat([start, Buffer.alloc(SECTOR)]))).toEqual(layout.partitions);
    }),
  );
});

const { start: sound } = encodeGpt(placePartitions(DISK, partitions));

it('is not decoded when it is cut short anywhere', () => {
  for (let length = 0; length < sound.length; length += 1)
    expect(decodeGpt(sound.subarray(0, length))).toBeUndefined();
});

it('is not decoded when a byte of the header or the table differs', () => {
  const at = fc.oneof(
    fc.integer({ min: SECTOR, max: SECTOR + 91 }),
    fc.integer({ min: 2 * SECTOR, max: sound.length - 1 }),
  );
  fc.assert(
    fc.property(at, fc.integer({ min: 1, max: 255 }), (position, change) => {
      const damaged = Buffer.from(sound);
      damaged[position]! ^= change;
      expect(decodeGpt(damaged)).toBeUndefined();
    }),
  );
});

it('is decoded without an exception from any header with a correct checksum', () => {
  const field = fc.integer({ min: 0, max: 0xffff_ffff });
  fc.assert(
    fc.property(field, field, field, (tableAt, count, size) => {
      const disk = Buffer.from(sound);
      const header = disk.subarray(SECTOR, SECTOR + 92);
      header.writeUInt32LE(tableAt, 72);
      header.writeUInt32LE(count, 80);
      header.writeUInt32LE(size, 84);
      header.writeUInt32LE(0, 16);
      header.writeUInt32LE(crc32(header), 16);
      expect(() => decodeGpt(disk)).not.toThrow();
    }),
  );
});
