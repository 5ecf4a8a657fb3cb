import { constants, zstdCompressSync } from 'node:zlib';

import { cpio } from '../formats/cpio.ts';
import type { Tree } from '../formats/tree.ts';

const LEVEL = 19;

/**
 * Makes an initramfs of two archives, each starting at a multiple of 4
 * (Documentation/driver-api/early-userspace/buffer-format.rst): the files of the first stage, compressed, and the root
 * image, which is compressed already.
 */
export async function makeInitramfs(early: Tree, root: Tree): Promise<Buffer> {
  const compressed = zstdCompressSync(await cpio(early), {
    params: { [constants.ZSTD_c_compressionLevel]: LEVEL },
  });
  const gap = Buffer.alloc((4 - (compressed.length % 4)) % 4);
  return Buffer.concat([compressed, gap, await cpio(root)]);
}
