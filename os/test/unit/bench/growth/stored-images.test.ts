import { expect, it } from 'vitest';

import {
  addRecords,
  DATABASES,
  fileIn,
  filesOf,
  makeImages,
  mergeBuckets,
  readBucket,
} from '../../../../src/bench/growth/stored-images.ts';
import { type Bucket, encodeBolt } from '../../../../src/build/formats/bolt.ts';

const TIME = 1_700_000_000;
const text = (value: string): Uint8Array => Buffer.from(value);
const bucket = (entries: Record<string, Uint8Array | Bucket>, sequence = 0): Bucket => ({
  sequence,
  entries: new Map(Object.entries(entries)),
});

it('a database is read as it was written, with the counters of its buckets', () => {
  const database = bucket({ v1: bucket({ snapshots: bucket({ a: text('1') }, 42) }), z: text('') });
  const read = readBucket(Buffer.from(encodeBolt(database)));
  expect(encodeBolt(read)).toEqual(encodeBolt(database));
});

it('records of two databases come together; of two values the first stays', () => {
  const base = bucket({ both: bucket({ a: text('base') }, 7), only: text('base') });
  const more = bucket({ both: bucket({ a: text('more'), b: text('more') }), new: text('more') });
  expect(mergeBuckets(base, more)).toEqual(
    bucket({
      both: bucket({ a: text('base'), b: text('more') }, 7),
      only: text('base'),
      new: text('more'),
    }),
  );
});

it('adding a store’s records to its own changes nothing, and those of others come to them', async () => {
  const [one, other] = [await makeImages(2, TIME), await makeImages(3, TIME)];
  for (const name of DATABASES) {
    const [own, others] = [await fileIn(one, name), await fileIn(other, name)];
    const known = readBucket(own);
    expect(readBucket(addRecords(own, own))).toEqual(known);
    expect(addRecords(own, others).length).toBeGreaterThan(own.length);
  }
});

it('each image has a manifest, a configuration and four layers', async () => {
  const files = await filesOf(await makeImages(3, TIME));
  const names = [...files.keys()];
  expect(names.filter((name) => name.includes('/blobs/sha256/'))).toHaveLength(6);
  expect(names.filter((name) => name.includes('/snapshots/'))).toHaveLength(12);
  expect((await filesOf(await makeImages(0, TIME))).size).toBe(0);
});
