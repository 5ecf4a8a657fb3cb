import { writeFile } from 'node:fs/promises';
import path from 'node:path';

import { readSections } from '../../build/formats/uki.ts';
import { findBoardStart, findBootFile, PI_FILES } from '../../build/image/boot-file.ts';
import { modulesBeside } from '../../build/image/boot-slots.ts';
import { splitInitramfs } from '../../build/image/initramfs.ts';
import { MODULES_IMAGE, MODULES_SECTION } from '../../build/image/modules-image.ts';
import type { Toolroot } from '../../build/sources/debian/toolroot.ts';
import type { Partition } from './partition.ts';

/**
 * The SHA-256 of the modules.erofs in the folder `kios` that a system takes, or why it takes none. One that an update
 * has brought has a file of its own beside it.
 */
export type OwnModules =
  | { readonly sha256: string }
  | { readonly beside: string }
  | { readonly why: string };

/** The same digest in the root, which is what init reads. */
const IN_ROOT = '/lib/kios/modules.sha256';

const NOTHING: OwnModules = { why: 'it has no file that firmware starts' };
const OLDER: OwnModules = { why: 'its system is older than modules.erofs' };

function ofEfi(efi: Buffer): OwnModules {
  const section = readSections(efi).find(({ name }) => name === MODULES_SECTION);
  return section === undefined
    ? OLDER
    : { sha256: Buffer.from(section.content).toString('latin1') };
}

async function ofRoot(root: Buffer, dir: string, tools: Toolroot): Promise<OwnModules> {
  const image = path.join(dir, 'root.erofs');
  await writeFile(image, root);
  // It prints nothing, and does not fail, where the root has no such file.
  const args = ['--cat', `--path=${IN_ROOT}`, image];
  const digest = await tools.run('usr/bin/dump.erofs', args);
  return digest === '' ? OLDER : { sha256: digest.trim() };
}

/** Finds which modules.erofs the system takes that a medium starts next; `present` are the files of its partition. */
export async function ownModules(
  partition: Pick<Partition, 'read' | 'dir'>,
  present: readonly string[],
  tools: Toolroot,
): Promise<OwnModules> {
  const efi = findBootFile(present)?.file;
  if (efi !== undefined) {
    const beside = modulesBeside(present, efi);
    return beside === undefined ? ofEfi(await partition.read(efi)) : { beside };
  }
  const config = present.includes(PI_FILES.config)
    ? (await partition.read(PI_FILES.config)).toString('latin1')
    : '';
  const start = findBoardStart(present, config);
  if (start === undefined) return NOTHING;
  const beside = `${start.prefix}${MODULES_IMAGE}`;
  if (start.prefix !== '' && present.includes(beside)) return { beside };
  const initramfs = await partition.read(`${start.prefix}${PI_FILES.initramfs}`);
  return ofRoot(splitInitramfs(initramfs).root, partition.dir, tools);
}

/** Returns why a node refuses a file with this SHA-256 as its modules.erofs; undefined when it does not. */
export function foreignModules(sha256: string, own: OwnModules): string | undefined {
  if ('why' in own) return own.why;
  if ('beside' in own) return `its system has ${own.beside}`;
  return sha256 === own.sha256 ? undefined : 'its system is of another build';
}
