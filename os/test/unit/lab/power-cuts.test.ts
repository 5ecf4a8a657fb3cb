import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { eachState, subsetsOf } from '../../support/disk-states.ts';
import { growthIn, replay, spread, tear, touching } from '../../support/power-cuts.ts';
import { readWriteLog } from '../../support/write-log.ts';

const SECTOR = 512;
const FLUSH = 1;
const DISCARD = 4;
const PART_OFFSET = 8192;

interface Entry {
  readonly offset: number;
  readonly data?: Buffer;
  readonly flags?: number;
  readonly length?: number;
}

let dir: string;
let log: string;

beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-cuts-'));
  log = path.join(dir, 'log');
});

afterEach(() => rm(dir, { recursive: true }));

/** Makes a log as QEMU 7.2 and 10 write it. */
async function record(entries: readonly Entry[]): Promise<void> {
  const header = (...values: readonly number[]): Buffer => {
    const sector = Buffer.alloc(SECTOR);
    for (const [index, value] of values.entries())
      sector.writeBigUInt64LE(BigInt(value), index * 8);
    return sector;
  };
  const first = header(0, 1, entries.length, SECTOR);
  first.write('rhswfsj\0', 'latin1');
  const parts = entries.flatMap(({ offset, data = Buffer.alloc(0), flags = 0, length }) => [
    header(offset / SECTOR, (length ?? data.length) / SECTOR, flags, 0),
    data,
  ]);
  await writeFile(log, Buffer.concat([first, ...parts]));
}

/** Returns a block with a superblock of a file system of so many blocks of 4 KiB. */
function superblock(blocks: number): Buffer {
  const block = Buffer.alloc(4096);
  block.writeUInt32LE(blocks, 1024 + 4);
  block.writeUInt32LE(2, 1024 + 24);
  block.writeUInt16LE(0xef53, 1024 + 56);
  return block;
}

it('lists writes, and neither flushes nor discards', async () => {
  await record([
    { offset: 1024, data: Buffer.alloc(1024, 1) },
    { offset: 0, flags: FLUSH },
    { offset: 4096, flags: DISCARD, length: 65_536 },
    { offset: 0, data: Buffer.alloc(512, 2) },
  ]);
  expect(await readWriteLog(log)).toEqual([
    { offset: 1024, length: 1024, from: 1024, epoch: 0 },
    { offset: 0, length: 512, from: 3584, epoch: 1 },
  ]);
});

it('refuses what is no log', async () => {
  await writeFile(log, Buffer.alloc(4096));
  await expect(readWriteLog(log)).rejects.toThrow('no log of writes');
});

it('replays whole and torn writes into a part, clipped to it', async () => {
  const part = { file: path.join(dir, 'part'), offset: PART_OFFSET, bytes: 4096 };
  await writeFile(part.file, Buffer.alloc(part.bytes));
  await record([
    { offset: PART_OFFSET - 512, data: Buffer.alloc(1024, 1) },
    { offset: 0, data: Buffer.alloc(512, 9) },
    { offset: PART_OFFSET + 3584, data: Buffer.alloc(1024, 2) },
    { offset: PART_OFFSET + 1024, data: Buffer.alloc(2048, 3) },
  ]);
  const writes = touching(await readWriteLog(log), part);
  expect(writes).toHaveLength(3);
  await replay(log, writes.slice(0, 2), part);
  await tear(log, writes[2]!, part);
  const sectors = await readFile(part.file);
  expect([0, 1, 2, 3, 4, 5, 6, 7].map((at) => sectors[at * SECTOR])).toEqual([
    1, 0, 3, 3, 0, 0, 0, 2,
  ]);
});

it('finds the writes in which a file system grows', async () => {
  const part = { file: '', offset: PART_OFFSET, bytes: 1 << 24 };
  await record([
    { offset: PART_OFFSET, data: superblock(1000) },
    { offset: PART_OFFSET + 8192, data: Buffer.concat([Buffer.alloc(4096), superblock(1500)]) },
    { offset: PART_OFFSET, data: superblock(1500) },
    { offset: PART_OFFSET, data: superblock(2000) },
  ]);
  const writes = await readWriteLog(log);
  const size = { old: 1000 * 4096, wanted: 2000 * 4096 };
  expect(await growthIn(log, writes, part, size)).toEqual({ first: 1, last: 3 });
  await expect(growthIn(log, writes.slice(0, 3), part, size)).rejects.toThrow('grows to');
});

it('spreads cuts over all writes', () => {
  expect(spread(10, 110, 5)).toEqual([10, 35, 60, 85, 110]);
  expect(spread(0, 2, 50)).toEqual([0, 1, 2]);
});

it('puts a part into each state between two flushes, and in the middle of each write', async () => {
  const part = { file: path.join(dir, 'part'), offset: PART_OFFSET, bytes: 2048 };
  await writeFile(part.file, Buffer.alloc(part.bytes, '.'));
  await record([
    { offset: PART_OFFSET, data: Buffer.alloc(512, 'a') },
    { offset: PART_OFFSET + 512, data: Buffer.alloc(512, 'b') },
    { offset: 0, flags: FLUSH },
    { offset: PART_OFFSET, data: Buffer.alloc(1024, 'c') },
  ]);
  const seen: string[] = [];
  const count = await eachState(log, await readWriteLog(log), part, async () => {
    const bytes = await readFile(part.file);
    seen.push([0, 512, 1024, 1536].map((at) => String.fromCodePoint(bytes[at]!)).join(''));
  });
  expect(seen).toEqual(['....', 'a...', '.b..', 'ab..', '....', 'a...', 'ab..', 'cc..', 'cb..']);
  expect(count).toBe(seen.length);
  expect((await readFile(part.file, 'latin1')).slice(0, 1025)).toBe(`${'c'.repeat(1024)}.`);
});

it('looks at fewer states of many writes', () => {
  expect(subsetsOf(3)).toHaveLength(8);
  expect(subsetsOf(20)).toHaveLength(60);
});
