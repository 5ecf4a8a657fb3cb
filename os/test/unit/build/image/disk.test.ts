import { readFile } from 'node:fs/promises';
import path from 'node:path';

import * as v from 'valibot';
import { expect, it } from 'vitest';

import { encodeGpt, SECTOR } from '../../../../src/build/formats/gpt.ts';
import { IDENTIFIERS, LAYOUT } from '../../../../src/build/image/disk.ts';
import { repository } from '../../../../src/workstation/paths.ts';

const Vectors = v.strictObject({
  identifiers: v.record(v.string(), v.string()),
  table: v.strictObject({ blocks: v.number(), header: v.string(), entries: v.string() }),
});

const file = path.join(repository, 'packages/host-api/vectors/disk.json');
const vectors = v.parse(Vectors, JSON.parse(await readFile(file, 'utf8')));

/** Formats bytes without the zeroes at their end. */
const trimmed = (bytes: Buffer): string => bytes.toString('hex').replace(/(?:00)+$/, '');

it('images carry the identifiers by which init knows a fresh one', () => {
  expect(vectors.identifiers).toEqual(IDENTIFIERS);
});

it('images have the partition table for which init has room to rewrite it', () => {
  const { start } = encodeGpt(LAYOUT);
  const [header, entries] = [start.subarray(SECTOR, 2 * SECTOR), start.subarray(2 * SECTOR)];
  expect(vectors.table).toEqual({
    blocks: LAYOUT.bytes / SECTOR,
    header: trimmed(header),
    entries: trimmed(entries),
  });
});
