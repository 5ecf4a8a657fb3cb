import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { encodeGpt, namedGuid, placePartitions, TYPE } from '../../../../src/build/formats/gpt.ts';
import { readDiskIdentity } from '../../../../src/lab/qemu/disk-identity.ts';

const MIB = 1024 * 1024;
let dir: string;
let disk: string;

beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-identity-'));
  disk = path.join(dir, 'disk.img');
});

afterEach(() => rm(dir, { recursive: true }));

it('reads the numbers of disk, partitions and file systems', async () => {
  const layout = placePartitions(namedGuid('disk'), [
    { type: TYPE.esp, guid: namedGuid('esp'), label: 'esp', bytes: MIB },
    { type: TYPE.data, guid: namedGuid('data'), label: 'data', bytes: MIB },
  ]);
  const [esp, data] = layout.partitions;
  const uuid = '00112233445566778899aabbccddeeff';
  await using file = await open(disk, 'w');
  const { start } = encodeGpt(layout);
  await file.write(start, 0, start.length, 0);
  await file.write(Buffer.from('785634ab', 'hex'), 0, 4, (esp?.offset ?? 0) + 67);
  await file.write(Buffer.from(uuid, 'hex'), 0, 16, (data?.offset ?? 0) + 1024 + 104);
  await file.truncate(layout.bytes);
  expect(await readDiskIdentity(disk)).toEqual({
    disk: namedGuid('disk'),
    esp: namedGuid('esp'),
    data: namedGuid('data'),
    espSerial: 'ab345678',
    dataFileSystem: uuid,
  });
});

it('fails on a file that is no such disk', async () => {
  await writeFile(disk, 'short');
  await expect(readDiskIdentity(disk)).rejects.toMatchObject({ code: 'KIOS_DISK_IMAGE' });
});
