import path from 'node:path';

import { workstationArch } from '../../workstation/arch.ts';
import { cached } from '../../workstation/cache.ts';
import type { Progress } from '../../workstation/progress.ts';
import { run } from '../../workstation/run.ts';
import { type Deb, extract, fetchDebian } from '../sources/debian/archive.ts';
import type { Toolroot } from '../sources/debian/toolroot.ts';

const SOURCE_PACKAGE = 'linux-source-6.12';

export interface KernelSource {
  /** The unpacked source; builds write elsewhere. */
  readonly dir: string;
  /** Debian's package. */
  readonly deb: Deb;
}

/** Fetches the kernel source of the Debian release with its security updates and unpacks it once per version. */
export async function kernelSource(tools: Toolroot, progress: Progress): Promise<KernelSource> {
  const [deb] = await fetchDebian({
    arch: workstationArch(),
    packages: [SOURCE_PACKAGE],
    progress,
  });
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
