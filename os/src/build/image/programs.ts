import { KiosError } from '@kios/errors';

import { isProgram } from '../formats/elf.ts';
import { type Content, type Tree } from '../formats/tree.ts';
import { NODE_PROGRAMS } from '../sources/upstream/components.ts';
import { LAYERS, STORE } from '../store/store.ts';

/**
 * Everything on the node that can be executed. A shell, a package manager or any other program beyond these would stop
 * the build, wherever it lies and whatever its mode: a mode can be changed by who copies the file.
 */
const IN_ROOT = new Set(NODE_PROGRAMS.map((name) => `/bin/${name}`));
const IN_IMAGES = [
  // The runtime of the agents and the native half of its FFI.
  /^\/bin\/bun$/,
  /^\/lib\/koffi\.node$/,
  // Libraries of these two and of chronyd, with the loader.
  /^\/(?:lib|lib64)\/ld-linux-[a-z0-9-]+\.so\.\d$/,
  /^\/usr\/lib\/[a-z0-9_]+-linux-gnu\/lib[a-z0-9+_-]+\.so(?:\.\d+)*$/,
  /^\/usr\/sbin\/chronyd$/,
  /^\/pause$/,
  // Upstream's CNI plugins.
  /^\/cni\/bin\/(?:bridge|host-local)$/,
  // Programs of the user's own bootstrap agent (docs/bootstrap-per-cloud.md).
  /^\/plugins\/[^/]+$/,
] as const;

const SNAPSHOT = new RegExp(`^${STORE}/${LAYERS.replaceAll('.', String.raw`\.`)}/\\d+/fs(?=/)`);

const HEAD_BYTES = 64;

async function headOf(content: Content): Promise<Buffer> {
  if ('bytes' in content) return Buffer.from(content.bytes).subarray(0, HEAD_BYTES);
  for await (const chunk of content.chunks()) return Buffer.from(chunk).subarray(0, HEAD_BYTES);
  return Buffer.alloc(0);
}

const isKnown = (where: string): boolean => {
  const inImage = where.replace(SNAPSHOT, '');
  return inImage === where ? IN_ROOT.has(where) : IN_IMAGES.some((name) => name.test(inImage));
};

/** Returns the programs of the node's root, in which the layers of its images lie unpacked, that no list names. */
export async function unknownPrograms(root: Tree): Promise<string[]> {
  const unknown: string[] = [];
  for (const [where, entry] of root.sorted()) {
    if (entry.type !== 'file' || isKnown(where)) continue;
    if ((entry.mode & 0o111) !== 0 || isProgram(await headOf(entry.content))) unknown.push(where);
  }
  return unknown;
}

/** Fails when the node's root or one of its images holds a program that no list names. */
export async function assertPrograms(root: Tree): Promise<void> {
  const unknown = await unknownPrograms(root);
  if (unknown.length > 0)
    throw new KiosError('KIOS_IMAGE_PROGRAM', `put ${unknown.join(', ')} on the node`, {
      remedy: 'Leave it out, or name it in os/src/build/image/programs.ts.',
    });
}
