import { constants, zstdCompressSync } from 'node:zlib';

import {
  type CharacterDevice,
  cpio,
  type CpioRecord,
  readArchive,
  readCpio,
} from '../formats/cpio.ts';
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

const FIRST_HEAD = /^070701[0-9A-Fa-f]{104}$/;

/** Finds the uncompressed archive behind the compressed one. Archives start at multiples of 4. */
function findArchive(initrd: Buffer): number {
  for (let at = initrd.indexOf('070701'); at !== -1; at = initrd.indexOf('070701', at + 1))
    if (at % 4 === 0 && FIRST_HEAD.test(initrd.toString('latin1', at, at + 110))) return at;
  throw new Error('its initramfs has no archive with the root');
}

/** Parts the initramfs from the uncompressed archive with microcode that may be before it. */
function splitMicrocode(all: Buffer): {
  readonly microcode: readonly CpioRecord[];
  readonly initrd: Buffer;
} {
  if (!FIRST_HEAD.test(all.toString('latin1', 0, 110))) return { microcode: [], initrd: all };
  const { records, end } = readArchive(all);
  return { microcode: records, initrd: all.subarray(end) };
}

const ROOT = 'root.erofs';

/** What an initramfs has, one behind the other. */
export interface InitramfsParts {
  readonly microcode: readonly CpioRecord[];
  /** The archive of the first stage. */
  readonly compressed: Buffer;
  readonly root: Buffer;
}

/** Parts an initramfs again. */
export function splitInitramfs(all: Buffer): InitramfsParts {
  const { microcode, initrd } = splitMicrocode(all);
  const at = findArchive(initrd);
  const root = readCpio(initrd.subarray(at)).find(({ name }) => name === ROOT);
  if (root === undefined) throw new Error(`its initramfs has no ${ROOT}`);
  return { microcode, compressed: initrd.subarray(0, at), root: root.content };
}
