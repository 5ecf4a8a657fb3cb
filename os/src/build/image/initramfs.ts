import { constants, zstdCompressSync } from 'node:zlib';

import { type CharacterDevice, cpio } from '../formats/cpio.ts';
import type { Tree } from '../formats/tree.ts';

const LEVEL = 19;

/**
 * Go's runtime opens this for a program without standard input, output or error, as init is where the kernel has no
 * console, and ends the program if it cannot. The kernel's own archive has /dev/console.
 */
const NULL: CharacterDevice = { name: '/dev/null', major: 1, minor: 3 };

/**
 * Makes an initramfs of two archives, each starting at a multiple of 4
 * (Documentation/driver-api/early-userspace/buffer-format.rst): the files of the first stage, compressed, and the root
 * image, which is compressed already. Before them comes microcode, uncompressed, because the kernel reads it before it
 * can decompress anything (Documentation/arch/x86/microcode.rst).
 */
export async function makeInitramfs(early: Tree, root: Tree, microcode?: Tree): Promise<Buffer> {
  const compressed = zstdCompressSync(await cpio(early, [NULL]), {
    params: { [constants.ZSTD_c_compressionLevel]: LEVEL },
  });
  const gap = Buffer.alloc((4 - (compressed.length % 4)) % 4);
  const first = microcode === undefined ? Buffer.alloc(0) : await cpio(microcode);
  return Buffer.concat([first, compressed, gap, await cpio(root)]);
}
