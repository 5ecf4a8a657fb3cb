import type { ReadBucket } from '../../src/build/formats/bolt-reader.ts';
import type { Bucket } from '../../src/build/formats/bolt.ts';

/** A bucket as plain data, with values in hexadecimal, to compare written and read databases. */
export type Plain = { [key: string]: Plain | string };

export const readPlain = (of: ReadBucket): Plain =>
  Object.fromEntries(
    [...of].map(([key, value]) => [
      key,
      value instanceof Map ? readPlain(value) : value.toString('hex'),
    ]),
  );

export const writtenPlain = (of: Bucket): Plain =>
  Object.fromEntries(
    [...of.entries].map(([key, value]) => [
      key,
      value instanceof Uint8Array ? Buffer.from(value).toString('hex') : writtenPlain(value),
    ]),
  );
