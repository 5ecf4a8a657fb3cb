import { writeFile } from 'node:fs/promises';
import path from 'node:path';

import { workstationArch } from '../../../workstation/arch.ts';
import { cached, cacheKey } from '../../../workstation/cache.ts';
import type { Arch } from '../../../workstation/paths.ts';
import type { Progress } from '../../../workstation/progress.ts';
import { extract, fetchDebian } from './archive.ts';
import { loader, triplet } from './toolroot.ts';

const VERSION = '14';

/** The libraries of the compiler's own programs. */
const LIBRARIES = [
  'libc6', 'libstdc++6', 'libgcc-s1', 'libgmp10', 'libisl23', 'libmpc3', 'libmpfr6', 'libzstd1', 'zlib1g',
  'libctf0', 'libctf-nobfd0', 'libjansson4', 'libsframe1',
]; // prettier-ignore

function packagesFor(target: Arch): string[] {
  const triple = triplet(target).replace('_', '-');
  const native = target === workstationArch();
  return [
    `gcc-${VERSION}-${triple}`,
    `cpp-${VERSION}-${triple}`,
    `binutils-${triple}`,
    ...(native
      ? ['libbinutils', `libgcc-${VERSION}-dev`]
      : [`libgcc-${VERSION}-dev-${target}-cross`]),
    ...LIBRARIES,
  ];
}

/** Returns the paths of the driver and of the programs that it starts. */
function programsOf(target: Arch): Readonly<Record<string, string>> {
  const triple = triplet(target);
  const gcc = target === workstationArch() ? 'gcc' : 'gcc-cross';
  return {
    cc: `usr/bin/${triple}-gcc-${VERSION}`,
    cc1: `usr/libexec/${gcc}/${triple}/${VERSION}/cc1`,
    collect2: `usr/libexec/${gcc}/${triple}/${VERSION}/collect2`,
    as: `usr/bin/${triple}-as`,
    ld: `usr/bin/${triple}-ld`,
  };
}

export interface Compiler {
  /** The command line up to the caller's flags. */
  readonly command: readonly string[];
  /** Differs when the version of the compiler or of its libraries differs. */
  readonly id: string;
}

/**
 * Prepares the C compiler of the image's release, so that every workstation makes the same bytes. It is not installed:
 * scripts start its programs with the release's loader and libraries, and `-B` makes the driver find the scripts first.
 */
export async function openCompiler(target: Arch, progress: Progress): Promise<Compiler> {
  const arch = workstationArch();
  const debs = await fetchDebian({ arch, packages: packagesFor(target), progress });
  const root = await extract(debs);
  const libraries = path.join(root, 'usr/lib', triplet(arch));
  const ld = path.join(libraries, path.basename(loader(arch)));
  const scripts = await cached('compiler', cacheKey(root, target), async (into) => {
    for (const [name, at] of Object.entries(programsOf(target))) {
      const program = path.join(root, at);
      const command = `'${ld}' --library-path '${libraries}' --argv0 '${program}' '${program}'`;
      await writeFile(path.join(into, name), `#!/bin/sh\nexec ${command} "$@"\n`, { mode: 0o755 });
    }
  });
  return { command: [path.join(scripts, 'cc'), `-B${scripts}/`], id: path.basename(root) };
}
