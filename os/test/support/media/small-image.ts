import { createCipheriv, createHash } from 'node:crypto';

import {
  type DiskLayout,
  encodeGpt,
  namedGuid,
  placePartitions,
  TYPE,
} from '../../../src/build/formats/gpt.ts';

const MIB = 1024 * 1024;

export interface SmallImage {
  readonly layout: DiskLayout;
  readonly bytes: Buffer;
}

/** Returns bytes that no compression shortens, always the same ones for a seed. */
export function noise(bytes: number, seed = 'noise'): Buffer {
  const key = createHash('sha256').update(seed).digest();
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(bytes));
}

/**
 * Makes a disk image with the partitions of a real one, whose first and last MiB hold something and whose middle is
 * zero.
 */
export function smallImage(espMiB = 4, dataMiB = 5): SmallImage {
  const layout = placePartitions(namedGuid('disk'), [
    { type: TYPE.esp, guid: namedGuid('esp'), label: 'kios-esp', bytes: espMiB * MIB },
    { type: TYPE.data, guid: namedGuid('data'), label: 'kios-data', bytes: dataMiB * MIB },
  ]);
  const bytes = Buffer.alloc(layout.bytes);
  const { start, end } = encodeGpt(layout);
  start.copy(bytes);
  end.copy(bytes, bytes.length - end.length);
  for (const [index, { offset, bytes: length }] of layout.partitions.entries()) {
    noise(MIB, `start ${index}`).copy(bytes, offset);
    noise(MIB, `end ${index}`).copy(bytes, offset + length - MIB);
  }
  return { layout, bytes };
}
