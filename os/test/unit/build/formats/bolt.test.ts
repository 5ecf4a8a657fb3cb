import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import { readBolt } from '../../../../src/build/formats/bolt-reader.ts';
import { type Bucket, encodeBolt } from '../../../../src/build/formats/bolt.ts';
import { readPlain, writtenPlain } from '../../../support/bolt-plain.ts';

const bucket = (entries: Record<string, Uint8Array | Bucket>, sequence = 0): Bucket => ({
  sequence,
  entries: new Map(Object.entries(entries)),
});

/** Keys of any bytes, empty values, nested buckets, values larger than a page. bbolt does not allow an empty key. */
const { anyBucket } = fc.letrec<{ anyBucket: Bucket; value: Uint8Array | Bucket }>((tie) => ({
  anyBucket: fc.record({
    sequence: fc.nat(),
    entries: fc
      .array(
        fc.tuple(
          fc
            .uint8Array({ minLength: 1, maxLength: 40 })
            .map((key) => Buffer.from(key).toString('latin1')),
          tie('value'),
        ),
        { maxLength: 30 },
      )
      .map((entries) => new Map(entries)),
  }),
  value: fc.oneof(
    { maxDepth: 3 },
    fc.uint8Array({ maxLength: 300 }),
    fc.nat({ max: 20_000 }).map((size) => new Uint8Array(size).fill(size)),
    tie('anyBucket'),
  ),
}));

it('is read back with every key, value and bucket', () => {
  fc.assert(
    fc.property(anyBucket, (root) => {
      expect(readPlain(readBolt(encodeBolt(root)).root)).toEqual(writtenPlain(root));
    }),
    { numRuns: 60 },
  );
});

it('keeps the sequences of inline buckets and of others', () => {
  const large = bucket({ value: new Uint8Array(5000) }, 70_000);
  const file = encodeBolt(bucket({ large, small: bucket({ a: Buffer.from('b') }, 7) }));
  const { sequences } = readBolt(file);
  expect([sequences.get('/large'), sequences.get('/small')]).toEqual([70_000n, 7n]);
});

it('consists of pages of 4096 bytes and starts with two valid meta pages', () => {
  const file = encodeBolt(bucket({ a: bucket({ b: new Uint8Array(9000) }) }));
  expect(file.length % 4096).toBe(0);
  const torn = (page: number): Buffer => {
    const copy = Buffer.from(file);
    copy[page * 4096 + 30]! ^= 0xff;
    return copy;
  };
  for (const page of [0, 1]) expect(readPlain(readBolt(torn(page)).root)).toHaveProperty('a.b');
});

it('is the same in whatever order entries were added', () => {
  const [a, b] = [Buffer.from('1'), Buffer.from('2')];
  expect(encodeBolt(bucket({ a, b }))).toEqual(encodeBolt(bucket({ b, a })));
});
