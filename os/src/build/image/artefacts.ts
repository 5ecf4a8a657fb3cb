import { existsSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { MODULES_IMAGE } from './modules-image.ts';

/** In an output folder, the key of the inputs that its artefacts were made from. */
export const STAMP = '.built';

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

/** Says whether all artefacts exist and were made for `key`. */
export async function unchanged(
  stamp: string,
  key: string,
  artefacts: readonly string[],
): Promise<boolean> {
  const made = await readFile(stamp, 'utf8').catch(() => '');
  return made === key && artefacts.every((file) => existsSync(file));
}

/** Replaces a file in one step. */
export async function replace(file: string, content: Uint8Array | string): Promise<void> {
  await writeFile(`${file}.tmp`, content);
  await rename(`${file}.tmp`, file);
}
