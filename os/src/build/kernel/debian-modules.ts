import { mkdir } from 'node:fs/promises';
import path from 'node:path';

import { workstationArch } from '../../workstation/arch.ts';
import { cached, cacheKey } from '../../workstation/cache.ts';
import type { Progress } from '../../workstation/progress.ts';
import { run } from '../../workstation/run.ts';
import { dependencyOf, extract, fetchDebian } from '../sources/debian/archive.ts';
import type { Toolroot } from '../sources/debian/toolroot.ts';

/** The modules of a kernel as modprobe's `--dirname` and `--set-version` name them. */
export interface ModuleTree {
  /** Folder with `lib/modules/<version>`. */
  readonly root: string;
  readonly version: string;
}

/**
 * Returns the modules of Debian's kernel for real machines, packed as Debian ships them, with the indexes that its
 * depmod makes on installation: the largest tree there is to compare with.
 */
export async function debianModules(tools: Toolroot, progress: Progress): Promise<ModuleTree> {
  const arch = workstationArch();
  const name = await dependencyOf(arch, `linux-image-${arch}`, /linux-image-\d/, progress);
  const debs = await fetchDebian({ arch, packages: [name], progress });
  const version = name.replace('linux-image-', '');
  const root = await extract(debs);
  const indexed = await progress.task(`kernel ${version}: indexes`, () =>
    cached('modules', cacheKey('indexed', root, tools.id), async (into) => {
      await mkdir(path.join(into, 'lib/modules'), { recursive: true });
      // Links, because only the indexes are new.
      await run('cp', ['-al', path.join(root, 'usr/lib/modules', version), path.join(into, 'lib/modules')]); // prettier-ignore
      await tools.run('usr/sbin/depmod', ['-b', into, version]);
    }),
  );
  return { root: indexed, version };
}
