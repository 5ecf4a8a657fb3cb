import { cp, mkdir } from 'node:fs/promises';
import path from 'node:path';

import { cached, cacheKey } from '../../workstation/cache.ts';
import type { Progress } from '../../workstation/progress.ts';
import { dependencyOf, extract, fetchDebian } from '../sources/debian/archive.ts';
import { openToolroot } from '../sources/debian/toolroot.ts';
import { openKernel } from './open-kernel.ts';

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
