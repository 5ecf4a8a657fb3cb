import path from 'node:path';

import { type Deb, extract, fetchDebian } from '../debian/archive.ts';
import type { Toolroot } from '../debian/toolroot.ts';
import { hostArch } from '../host/arch.ts';
import { cached } from '../host/cache.ts';
import type { Progress } from '../host/progress.ts';
import { run } from '../host/run.ts';

export const SOURCE_PACKAGE = 'linux-source-6.12';

export interface KernelSource {
  /** The unpacked tree; nothing is ever built inside it. */
  readonly dir: string;
  /** Debian's version of the package. */
  readonly deb: Deb;
}

/** Debian's kernel source of the release with its security updates, unpacked once for each version. */
export async function kernelSource(tools: Toolroot, progress: Progress): Promise<KernelSource> {
  const [deb] = await fetchDebian({ arch: hostArch(), packages: [SOURCE_PACKAGE], progress });
  const dir = await cached('kernel-source', deb!.sha256, (into) =>
    progress.task(`${SOURCE_PACKAGE} ${deb!.version}: unpack`, async () => {
      const archive = path.join(await extract([deb!]), `usr/src/${SOURCE_PACKAGE}.tar.xz`);
      const xz = tools.command('usr/bin/xz').map((word) => `'${word}'`).join(' '); // prettier-ignore
      const script = `${xz} -dc "$1" | tar -x -C "$2" --strip-components=1 --no-same-owner`;
      await run('sh', ['-c', script, 'sh', archive, into], { env: { LC_ALL: 'C' } });
    }),
  );
  return { dir, deb: deb! };
}
