import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

import { BLOCK } from '../units.ts';

/** Bytes that a wrong place is told by. Flash memory has no smaller unit, and few media fail in a smaller one. */
export const PAGE = 4096;

/** What is kept of a part of the image, so that the medium can be compared when the image is gone. */
export interface Fingerprint {
  readonly at: number;
  readonly bytes: number;
  readonly digest: string;
  /** A checksum of each page: it tells where the medium differs, which the digest does not. */
  readonly pages: Uint32Array;
}

function pagesOf(data: Uint8Array): Uint32Array {
  const sums = new Uint32Array(Math.ceil(data.length / PAGE));
  for (let page = 0; page < sums.length; page += 1)
    sums[page] = crc32(data.subarray(page * PAGE, (page + 1) * PAGE));
  return sums;
}

export const fingerprint = (at: number, data: Uint8Array): Fingerprint => ({
  at,
  bytes: data.length,
  digest: createHash('sha256').update(data).digest('hex'),
  pages: pagesOf(data),
});

const zeros = Buffer.alloc(BLOCK);

export const isZero = (data: Buffer): boolean =>
  data.length <= BLOCK && data.equals(zeros.subarray(0, data.length));

/** Returns the byte at which the first page begins that differs; undefined when none does. */
export function firstDifference({ at, pages }: Fingerprint, found: Uint8Array): number | undefined {
  const sums = pagesOf(found);
  const page = pages.findIndex((sum, index) => sum !== sums[index]);
  return page < 0 ? undefined : at + page * PAGE;
}
