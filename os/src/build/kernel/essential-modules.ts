import { copyFile, link, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';

import { KiosError } from '@kios/errors';

import { cached, cacheKey } from '../../workstation/cache.ts';
import type { Progress } from '../../workstation/progress.ts';
import type { Toolroot } from '../sources/debian/toolroot.ts';
import { brokenBy, type IsOptional } from './module-set.ts';

/** What depmod reads besides modules. The other indexes it makes. */
const INPUTS = ['modules.order', 'modules.builtin', 'modules.builtin.modinfo'];

const linkOrCopy = (from: string, to: string): Promise<void> =>
  link(from, to).catch(() => copyFile(from, to));

/** The modules of a kernel: a folder with `kernel/…` and depmod's indexes, and what may be used to make another. */
export interface AllModules {
  readonly folder: string;
  /** `uname -r`. */
  readonly version: string;
  readonly tools: Toolroot;
  readonly progress: Progress;
}

/** Makes the folder of the modules that are in the root, with indexes of just these. */
export async function essentialModules(
  { folder, version, tools, progress }: AllModules,
  isOptional: IsOptional,
): Promise<string> {
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.ko'));
  const kept = names.filter((name) => !isOptional(name)).toSorted();
  const dep = await readFile(path.join(folder, 'modules.dep'), 'utf8');
  const [broken] = brokenBy(isOptional, dep);
  if (broken !== undefined)
    throw new KiosError('KIOS_KERNEL_MODULES', `leave modules out of the root: ${broken}`, {
      remedy: 'List both in os/kernel/optional-modules.yaml, or neither.',
    });
  const dir = await cached('modules', cacheKey('root', folder, dep, kept, tools.id), (into) =>
    progress.task(`modules of the root (${kept.length} of ${names.length})`, async () => {
      const base = path.join(into, 'lib/modules', version);
      for (const name of [...INPUTS, ...kept]) {
        const target = path.join(base, name);
        await mkdir(path.dirname(target), { recursive: true });
        await linkOrCopy(path.join(folder, name), target);
      }
      await tools.run('usr/sbin/depmod', ['-b', into, version]);
      await rename(base, path.join(into, 'modules'));
      await rm(path.join(into, 'lib'), { recursive: true });
    }),
  );
  return path.join(dir, 'modules');
}
