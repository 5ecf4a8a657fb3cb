import { existsSync } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { MODULES_IMAGE } from './modules-image.ts';

/** In an output folder, the key of the inputs that its artefacts were made from. */
const STAMP = '.built';

/** Paths of the finished artefacts. */
export interface BuiltImage {
  readonly efi: string;
  readonly image: string;
  readonly root: string;
  readonly sbom: string;
  /** All modules of the kernel, for a machine that needs more than the root has. */
  readonly modules: string;
  readonly modulesSbom: string;
}

export function artefactsIn(dist: string): BuiltImage {
  const at = (name: string): string => path.join(dist, name);
  return {
    efi: at('kios.efi'),
    image: at('kios.img'),
    root: at('root.erofs'),
    sbom: at('sbom.spdx.json'),
    modules: at(MODULES_IMAGE),
    modulesSbom: at('modules.spdx.json'),
  };
}

/** Makes the artefacts of an output folder, unless all of them exist and were made for `key`. */
export async function makeUnlessMade(
  dist: string,
  key: string,
  artefacts: readonly string[],
  make: () => Promise<void>,
): Promise<void> {
  const stamp = path.join(dist, STAMP);
  const made = await readFile(stamp, 'utf8').catch(() => '');
  if (made === key && artefacts.every((file) => existsSync(file))) return;
  // A build that is interrupted leaves files of two: they were made for no key.
  await rm(stamp, { force: true });
  await make();
  await replace(stamp, key);
}

/** Replaces a file in one step. */
export async function replace(file: string, content: Uint8Array | string): Promise<void> {
  await writeFile(`${file}.tmp`, content);
  await rename(`${file}.tmp`, file);
}
