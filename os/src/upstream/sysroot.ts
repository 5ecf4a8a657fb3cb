import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';

import { extract, fetchDebian } from '../debian/archive.ts';
import { triplet } from '../debian/toolroot.ts';
import { hostArch } from '../host/arch.ts';
import type { Arch } from '../host/paths.ts';
import type { Progress } from '../host/progress.ts';
import { run } from '../host/run.ts';

/** Headers and static libraries that runc is compiled against. */
const PACKAGES = ['libc6-dev', 'linux-libc-dev', 'libseccomp-dev'] as const;

/** What a cgo build needs: its environment, and what of it decides the result. */
export interface CSetup {
  readonly env: Readonly<Record<string, string>>;
  /** Identity of compiler and libraries, for the cache key. */
  readonly identity: readonly string[];
}

/** The version line of a C compiler; without one the error names the package that has it. */
async function compilerVersion(compiler: string, triple: string): Promise<string> {
  try {
    const [first = ''] = (await run(compiler, ['--version'])).split('\n');
    return first;
  } catch (cause) {
    const name = compiler === 'gcc' ? 'gcc' : `gcc-${triple.replace('_', '-')}`;
    throw new KiosError('KIOS_C_COMPILER', `find ${compiler}, which runc is compiled with`, {
      cause,
      exitCode: EXIT.unavailable,
      remedy: `run: apt-get install ${name}`,
    });
  }
}

/**
 * A C compiler for `arch` that reads headers and libraries only from Debian's packages, so that the result depends on the
 * compiler's version but on no library of the host.
 */
export async function prepareC(arch: Arch, progress: Progress): Promise<CSetup> {
  const triple = triplet(arch);
  const compiler = arch === hostArch() ? 'gcc' : `${triple}-gcc`;
  const version = await compilerVersion(compiler, triple);
  const debs = await fetchDebian({ arch, packages: PACKAGES, progress });
  const sysroot = await extract(debs);
  const libraries = path.join(sysroot, 'usr', 'lib', triple);
  const flags = `--sysroot=${sysroot}`;
  return {
    env: {
      CGO_ENABLED: '1',
      CC: compiler,
      // Debug information would carry the cache's path into the program.
      CGO_CFLAGS: `${flags} -O2 -g0 -ffile-prefix-map=${sysroot}=/sysroot`,
      // -B makes the compiler look there before it looks beside itself, where the host's libc lies.
      CGO_LDFLAGS: `${flags} -B${libraries} -L${libraries} -lseccomp`,
      // Asked for libseccomp's flags, which are all given above; the host's answer would name the host's library.
      PKG_CONFIG: 'true',
    },
    identity: [version, ...debs.map((deb) => deb.sha256)],
  };
}
