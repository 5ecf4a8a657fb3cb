import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';

import { repository } from '../../workstation/paths.ts';

/** The folder of the static pods that ship with the node. */
export const manifestsDir = path.join(repository, 'manifests');

/** One manifest, by its name in a folder or by its path. */
export interface ManifestFile {
  readonly name: string;
  readonly text: string;
}

/** Endings of the files in a folder of static pods. */
export const ENDINGS = ['.yaml', '.yml', '.json', '.manifest'] as const;

export const hasEnding = (name: string): boolean => ENDINGS.some((ending) => name.endsWith(ending));

/** Returns a manifest's name on the node, where programs look for names such as `dhcp.yaml`. */
export function shippedName(name: string): string {
  const ending = ENDINGS.find((one) => name.endsWith(one));
  return ending === undefined ? name : `${name.slice(0, -ending.length)}.yaml`;
}

async function attempt<T>(where: string, read: () => Promise<T>): Promise<T> {
  return read().catch((cause: unknown) => {
    throw new KiosError('KIOS_MANIFESTS', `read ${where}`, {
      cause,
      exitCode: EXIT.data,
      remedy: 'Name a file or folder that is there and that you may read.',
    });
  });
}

const inRepository = (...parts: readonly string[]): string =>
  path.relative(repository, path.join(...parts));

/** Reads every file of a folder in the order of their names. Like kubelet, it leaves out names with a leading dot. */
export async function readManifests(folder = manifestsDir): Promise<ManifestFile[]> {
  const names = await attempt(inRepository(folder), () => readdir(folder));
  const shown = names.filter((name) => !name.startsWith('.')).toSorted();
  return Promise.all(
    shown.map(async (name) => ({
      name,
      text: await attempt(inRepository(folder, name), () =>
        readFile(path.join(folder, name), 'utf8'),
      ),
    })),
  );
}

/** Reads files wherever they are, under any name. */
export const readFiles = (files: readonly string[]): Promise<ManifestFile[]> =>
  Promise.all(
    files.map(async (name) => ({ name, text: await attempt(name, () => readFile(name, 'utf8')) })),
  );
