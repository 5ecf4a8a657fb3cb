import { describe, expect, it } from 'vitest';

import { joinRanges } from '../../../../src/build/formats/byte-range.ts';
import { usedInExt4 } from '../../../../src/build/formats/ext4.ts';
import { decodeFat32, type Fat32, usedInFat32 } from '../../../../src/build/formats/fat32.ts';

const SECTOR = 512;

/** A boot sector with 32 reserved sectors, two tables and clusters of 4 KiB. */
function bootSector(clusters: number): Buffer {
  const tableSectors = Math.ceil(((clusters + 2) * 4) / SECTOR);
  const boot = Buffer.alloc(SECTOR);
  boot.writeUInt16LE(SECTOR, 11);
  boot.writeUInt8(8, 13);
  boot.writeUInt16LE(32, 14);
  boot.writeUInt8(2, 16);
  boot.writeUInt32LE(32 + 2 * tableSectors + clusters * 8, 32);
  boot.writeUInt32LE(tableSectors, 36);
  boot.write('FAT32   ', 82, 'latin1');
  return boot;
}

function decoded(clusters: number): Fat32 {
  const fat = decodeFat32(bootSector(clusters));
  if (fat === undefined) throw new Error('not decoded');
  return fat;
}

describe('the used bytes of a FAT32 file system', () => {
  it('are what precedes the clusters, and the clusters that a table gives to something', () => {
    const fat = decoded(126);
    expect(fat).toEqual({
      table: { offset: 32 * SECTOR, bytes: 128 * 4 },
      dataAt: 34 * SECTOR,
      clusterBytes: 4096,
      clusters: 126,
    });
    const table = Buffer.alloc(fat.table.bytes);
    // The root folder; a file of two clusters; reserved bits of a free one; the last cluster.
    for (const [cluster, next] of [
      [2, 0x0fff_ffff],
      [5, 6],
      [6, 0x0fff_ffff],
      [9, 0xf000_0000],
      [127, 0x0fff_fff8],
    ] as const)
      table.writeUInt32LE(next, cluster * 4);
    const { dataAt } = fat;
    expect(usedInFat32(fat, table)).toEqual([
      { offset: 0, bytes: dataAt + 4096 },
      { offset: dataAt + 3 * 4096, bytes: 2 * 4096 },
      { offset: dataAt + 125 * 4096, bytes: 4096 },
    ]);
  });

  it.each([
    ['of another kind', (boot: Buffer) => boot.write('FAT16   ', 82, 'latin1')],
    ['without clusters', (boot: Buffer) => boot.writeUInt32LE(34, 32)],
    ['with clusters of no sectors', (boot: Buffer) => boot.writeUInt8(0, 13)],
    ['with a table that is too short', (boot: Buffer) => boot.writeUInt32LE(0, 36)],
  ])('are not known of a boot sector %s', (_name, spoil) => {
    const boot = bootSector(126);
    spoil(boot);
    expect(decodeFat32(boot)).toBeUndefined();
  });
});

/** The part of dumpe2fs's output that counts, for 100 blocks. */
const listing = (free: string): string => `Filesystem features:      has_journal
Block count:              100
Free blocks:              80
Block size:               4096

Group 0: (Blocks 0-99)
${free}`;

describe('the used bytes of an ext4 file system', () => {
  it('are the blocks that no group has free', () => {
    expect(usedInExt4(listing('  Free blocks: 10-49, 52\n  Free blocks: 60-97\n'))).toEqual([
      { offset: 0, bytes: 10 * 4096 },
      { offset: 50 * 4096, bytes: 2 * 4096 },
      { offset: 53 * 4096, bytes: 7 * 4096 },
      { offset: 98 * 4096, bytes: 2 * 4096 },
    ]);
  });

  it('are all of a full one', () => {
    expect(usedInExt4(listing('  Free blocks: \n'))).toEqual([{ offset: 0, bytes: 100 * 4096 }]);
  });

  it('are not guessed from another text', () => {
    expect(() => usedInExt4('dumpe2fs: Bad magic number')).toThrow('Block size');
  });
});

it('ranges that touch or overlap become one', () => {
  expect(
    joinRanges([
      { offset: 0, bytes: 4 },
      { offset: 4, bytes: 4 },
      { offset: 5, bytes: 1 },
      { offset: 9, bytes: 1 },
    ]),
  ).toEqual([
    { offset: 0, bytes: 8 },
    { offset: 9, bytes: 1 },
  ]);
});
