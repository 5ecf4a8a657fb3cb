import { mkdtemp, open, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { expect, it } from 'vitest';

import { fitGpt, gptDiskBytes } from '../../../../src/build/formats/gpt-fit.ts';
import {
  decodeGpt,
  encodeGpt,
  namedGuid,
  placePartitions,
  TYPE,
} from '../../../../src/build/formats/gpt.ts';
import { run } from '../../../../src/workstation/run.ts';

const MIB = 1024 * 1024;
const LAYOUT = placePartitions(namedGuid('disk'), [
  { type: TYPE.esp, guid: namedGuid('one'), label: 'kios-esp', bytes: 4 * MIB },
  { type: TYPE.data, guid: namedGuid('two'), label: 'kios-data', bytes: 3 * MIB },
]);
const { start, end } = encodeGpt(LAYOUT);
const head = Buffer.concat([start, Buffer.alloc(MIB - start.length)]);

it('tells the size of the image from its first bytes', () => {
  expect(gptDiskBytes(head)).toBe(LAYOUT.bytes);
  expect(gptDiskBytes(Buffer.alloc(MIB))).toBeUndefined();
});

it('is the table that the build would have written for a disk of that size', () => {
  const disk = LAYOUT.bytes + 5 * MIB + 512;
  const wanted = encodeGpt({ ...LAYOUT, bytes: disk });
  const fitted = fitGpt(head, disk);
  expect(fitted?.start.subarray(0, start.length)).toEqual(wanted.start);
  expect(fitted?.backup).toEqual({ offset: disk - wanted.end.length, bytes: wanted.end });
  expect(fitted?.stale).toEqual({ offset: LAYOUT.bytes - end.length, length: end.length });
});

it('changes nothing for a disk of the size of the image', () => {
  const fitted = fitGpt(head, LAYOUT.bytes);
  expect(fitted?.start).toEqual(head);
  expect(fitted?.backup.bytes).toEqual(end);
});

it('keeps the sizes of a hybrid table, which other firmware reads', () => {
  const hybrid = Buffer.from(head);
  hybrid.writeUInt32LE(2047, 446 + 12); // the table alone
  hybrid.set([0x0c], 462 + 4);
  hybrid.writeUInt32LE(8192, 462 + 12);
  const fitted = fitGpt(hybrid, LAYOUT.bytes + MIB);
  expect(fitted?.start.subarray(0, 512)).toEqual(hybrid.subarray(0, 512));
});

it('covers at most what the old table can say of a disk of 4 TiB', () => {
  const fitted = fitGpt(head, 2 ** 42);
  expect(fitted?.start.readUInt32LE(446 + 12)).toBe(0xffff_ffff);
  expect(fitted?.backup.offset).toBe(2 ** 42 - end.length);
});

it('is read by util-linux, also when only the second table is left', async () => {
  const disk = LAYOUT.bytes + 2 * MIB;
  const fitted = fitGpt(head, disk)!;
  const dir = await mkdtemp(path.join(tmpdir(), 'kios-gpt-fit-'));
  try {
    const file = path.join(dir, 'disk');
    await writeFile(file, fitted.start);
    await truncate(file, disk);
    await using handle = await open(file, 'r+');
    await handle.write(fitted.backup.bytes, 0, fitted.backup.bytes.length, fitted.backup.offset);
    const table = (): Promise<string> =>
      run('partx', ['--raw', '--noheadings', '-o', 'NAME', file]);
    expect(await table()).toBe('kios-esp\nkios-data');
    await handle.write(Buffer.alloc(MIB), 512, 34 * 512, 512);
    expect(await table()).toBe('kios-esp\nkios-data');
    expect(decodeGpt(fitted.start)?.map(({ label }) => label)).toEqual(['kios-esp', 'kios-data']);
  } finally {
    await rm(dir, { recursive: true });
  }
});
