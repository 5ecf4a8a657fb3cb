import { cp, mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';

import { openKernel } from '../build/kernel/open-kernel.ts';
import { dependencyOf, extract, fetchDebian } from '../build/sources/debian/archive.ts';
import { openToolroot } from '../build/sources/debian/toolroot.ts';
import { cached, cacheKey } from '../workstation/cache.ts';
import type { Progress } from '../workstation/progress.ts';

/** Modules of one kernel with depmod's indexes. */
export interface ModuleTree {
  readonly kernel: string;
  /** Its `lib/modules` has the folder of that kernel. */
  readonly root: string;
}

/** Debian's kernel for all machines: the largest tree that a node may have. */
const DEBIAN = 'linux-image-amd64';

async function kiosTree(progress: Progress): Promise<ModuleTree> {
  const kernel = await openKernel('kios', 'amd64', await openToolroot(progress), progress);
  return { kernel: kernel.version, root: path.resolve(kernel.allModules, '../../..') };
}

async function debianTree(progress: Progress): Promise<ModuleTree> {
  const name = await dependencyOf('amd64', DEBIAN, /linux-image-\d/, progress);
  const kernel = name.replace('linux-image-', '');
  const debs = await fetchDebian({ arch: 'amd64', packages: [name], progress });
  const from = path.join(await extract(debs), 'usr/lib/modules', kernel);
  const tools = await openToolroot(progress);
  const root = await cached('module-tree', cacheKey(debs[0]!.sha256, tools.id), (into) =>
    progress.task(`index of ${name}`, async () => {
      const base = path.join(into, 'lib/modules');
      await mkdir(base, { recursive: true });
      await cp(from, path.join(base, kernel), { recursive: true });
      await tools.run('usr/sbin/depmod', ['-b', into, kernel]);
    }),
  );
  return { kernel, root };
}

/** Returns the node's modules and those of Debian's kernel. */
export const moduleTrees = async (progress: Progress): Promise<ModuleTree[]> => [
  await kiosTree(progress),
  await debianTree(progress),
];

/**
 * Returns an alias as a device has it, of a pattern that matches it: the first character of each set, and 0 for each
 * wildcard.
 */
export const concrete = (pattern: string): string =>
  pattern.replaceAll(/\[(.)[^\]]*\]/g, '$1').replaceAll(/[*?]/g, '0');

/** Returns the names of all modules, by the text of modules.dep, and an alias for each line of modules.alias. */
export function namesOf(dep: string, alias: string): string[] {
  const modules = dep.matchAll(/^[^:\n]*?([^/:\n]+)\.ko(?:\.\w+)?:/gm);
  const aliases = alias.matchAll(/^alias (\S+) /gm);
  return [
    ...[...modules].map(([, name = '']) => name),
    ...[...aliases].map(([, pattern = '']) => concrete(pattern)),
  ];
}

/** Reads the names and aliases of a tree. */
export async function namesIn({ kernel, root }: ModuleTree): Promise<string[]> {
  const folder = path.join(root, 'lib/modules', kernel);
  const read = (name: string): Promise<string> => readFile(path.join(folder, name), 'utf8');
  return namesOf(await read('modules.dep'), await read('modules.alias'));
}
