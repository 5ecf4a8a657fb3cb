import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';

import { repository } from '../../workstation/paths.ts';

/** The folder of the static pods that ship with the node. */
export const manifestsDir = path.join(repository, 'manifests');

/** One file of a folder of static pods. */
export interface ManifestFile {
  readonly name: string;
  readonly text: string;
}

/** Returns a manifest's name on the node, where programs look for names such as `dhcp.yaml`. */
export const shippedName = (name: string): string => name.replace(/\.yml$/, '.yaml');

async function attempt<T>(folder: string, name: string, read: () => Promise<T>): Promise<T> {
  return read().catch((cause: unknown) => {
    const where = path.relative(repository, path.join(folder, name));
    throw new KiosError('KIOS_MANIFESTS', `read ${where}`, { cause, exitCode: EXIT.data });
  });
}

/** Reads every file of a folder in the order of their names. Like kubelet, it leaves out names with a leading dot. */
export async function readManifests(folder = manifestsDir): Promise<ManifestFile[]> {
  const names = await attempt(folder, '', () => readdir(folder));
  const shown = names.filter((name) => !name.startsWith('.')).toSorted();
  return Promise.all(
    shown.map(async (name) => ({
      name,
      text: await attempt(folder, name, () => readFile(path.join(folder, name), 'utf8')),
    })),
  );
}
