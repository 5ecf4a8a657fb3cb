import { KiosError } from '@kios/errors';

import { type ByteRange, joinRanges } from './byte-range.ts';

const numberOf = (listing: string, field: string): number => {
  const value = new RegExp(`^${field}: +(\\d+)$`, 'm').exec(listing)?.[1];
  if (value === undefined) throw new KiosError('KIOS_DISK_IMAGE', `read ${field} from dumpe2fs`);
  return Number(value);
};

/** Returns the bytes of a file system that are in use, from what dumpe2fs(8) prints about it. */
export function usedInExt4(listing: string): ByteRange[] {
  const size = numberOf(listing, 'Block size');
  const blocks = numberOf(listing, 'Block count');
  const free = [...listing.matchAll(/^ {2}Free blocks: (.*)$/gm)]
    .flatMap(([, list = '']) => list.split(', '))
    .filter((range) => range !== '')
    .map((range) => range.split('-').map(Number))
    .map(([first = 0, last = first]) => ({ first, last }));
  const used: ByteRange[] = [];
  let next = 0;
  for (const { first, last } of [...free, { first: blocks, last: blocks }]) {
    if (first > next) used.push({ offset: next * size, bytes: (first - next) * size });
    next = last + 1;
  }
  return joinRanges(used);
}
