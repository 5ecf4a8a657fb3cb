import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { encodeGpt, placePartitions, namedGuid, TYPE } from '../../../../src/build/formats/gpt.ts';
import { findDataPartition } from '../../../../src/lab/qemu/data-partition.ts';

const MIB = 1024 * 1024;
let dir: string;
let disk: string;

beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-disk-'));
  disk = path.join(dir, 'disk.img');
});

afterEach(() => rm(dir, { recursive: true }));

const partition = (name: string, type: string) => ({
  type,
  guid: namedGuid(name),
  label: name,
  bytes: 2 * MIB,
});

async function write(partitions: readonly ReturnType<typeof partition>[]): Promise<number[]> {
  const layout = placePartitions(namedGuid('test'), partitions);
  const { start } = encodeGpt(layout);
  await using file = await open(disk, 'w');
  await file.write(start, 0, start.length, 0);
  await file.truncate(layout.bytes);
  return layout.partitions.map(({ offset }) => offset);
}

it('finds the data partition after another one', async () => {
  const offsets = await write([partition('esp', TYPE.esp), partition('data', TYPE.data)]);
  expect(await findDataPartition(disk)).toBe(offsets[1]);
});

it('fails on a disk without one and on a file that is not a disk', async () => {
  await write([partition('esp', TYPE.esp)]);
  await expect(findDataPartition(disk)).rejects.toMatchObject({ code: 'KIOS_DISK_IMAGE' });
  await writeFile(disk, 'short');
  await expect(findDataPartition(disk)).rejects.toMatchObject({ code: 'KIOS_DISK_IMAGE' });
});
