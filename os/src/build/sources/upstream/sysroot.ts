import path from 'node:path';

import type { Arch } from '../../../workstation/paths.ts';
import type { Progress } from '../../../workstation/progress.ts';
import { extract, fetchDebian } from '../debian/archive.ts';
import { openCompiler } from '../debian/compiler.ts';
import { triplet } from '../debian/toolroot.ts';

/** Headers and static libraries that runc is compiled against. */
const PACKAGES = ['libc6-dev', 'linux-libc-dev', 'libseccomp-dev'] as const;

/** The environment of a cgo build. */
export interface CSetup {
  readonly env: Readonly<Record<string, string>>;
  /** Identity of compiler and libraries, for the cache key. */
  readonly identity: readonly string[];
}

/**
 * Prepares compiler, headers and libraries for `arch`, all from Debian's packages, so that the workstation does not
 * matter.
 */
export async function prepareC(arch: Arch, progress: Progress): Promise<CSetup> {
  const compiler = await openCompiler(arch, progress);
  const debs = await fetchDebian({ arch, packages: PACKAGES, progress });
  const sysroot = await extract(debs);
  const libraries = path.join(sysroot, 'usr', 'lib', triplet(arch));
  const flags = `--sysroot=${sysroot}`;
  return {
    env: {
      CGO_ENABLED: '1',
      CC: compiler.command.join(' '),
      // Debug information would put the cache's path into the program.
      CGO_CFLAGS: `${flags} -O2 -g0 -ffile-prefix-map=${sysroot}=/sysroot`,
      // -B names the folder of crt1.o, which the linker would otherwise take from the workstation.
      CGO_LDFLAGS: `${flags} -B${libraries} -L${libraries} -lseccomp`,
      // Replaces pkg-config: the flags of libseccomp are above, and the workstation's would name its own library.
      PKG_CONFIG: 'true',
    },
    identity: [compiler.id, ...debs.map((deb) => deb.sha256)],
  };
}
