import type { OpenImage } from '../../../src/media/flash/write.ts';
import { readHead } from '../../../src/media/image/head.ts';
import { BLOCK, HEAD } from '../../../src/media/units.ts';

/** Opens an image that lies in memory, as the command opens a file. */
export function openImage(bytes: Buffer): OpenImage {
  const block = (at: number): Buffer => Buffer.from(bytes.subarray(at, at + BLOCK));
  const first = block(0);
  async function* rest(): AsyncGenerator<Buffer> {
    for (let at = BLOCK; at < bytes.length; at += BLOCK) yield block(at);
  }
  return {
    name: 'small.img',
    head: readHead('small.img', first.subarray(0, HEAD)),
    first,
    rest: rest(),
  };
}
