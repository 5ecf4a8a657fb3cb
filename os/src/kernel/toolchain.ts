import { chmod, lstat, mkdir, open, readdir, rename, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { type Deb, fetchDebian } from '../debian/archive.ts';
import { LOADER, triplet } from '../debian/toolroot.ts';
import { hostArch } from '../host/arch.ts';
import { cached, cacheKey } from '../host/cache.ts';
import { type Arch, cacheDir } from '../host/paths.ts';
import type { Progress } from '../host/progress.ts';
import { run } from '../host/run.ts';

const GCC = '14';
/** Counts changes of how the toolchain is laid out. */
const LAYOUT = 1;

const librariesOf = (home: string): string => path.join(home, 'usr/lib', triplet(hostArch()));

/** What builds a kernel besides the compiler, and the libraries of all of it. */
const PROGRAMS = [
  'make', 'flex', 'bison', 'm4', 'bc', 'lz4', 'pahole', 'libc6-dev', 'linux-libc-dev', 'libcrypt-dev', 'libgcc-14-dev', 'libelf-dev', 'libssl-dev', 'zlib1g-dev', 'libzstd-dev',
  'libc6', 'binutils-common', 'libbinutils', 'libctf0', 'libctf-nobfd0', 'libsframe1', 'libjansson4', 'libgmp10', 'libmpfr6', 'libmpc3', 'libisl23',
  'libgcc-s1', 'libzstd1', 'zlib1g', 'libelf1t64', 'libssl3t64', 'libreadline8t64', 'libtinfo6', 'liblz4-1', 'libdw1t64', 'libbpf1', 'libbz2-1.0', 'liblzma5',
]; // prettier-ignore

const compilerOf = (arch: Arch): string[] =>
  ['gcc-14', 'cpp-14', 'binutils'].map((name) => `${name}-${triplet(arch).replace('_', '-')}`);

/** A compiler of the release and what else builds a kernel, run from the cache: every host makes the same bytes. */
export interface Toolchain {
  /** Another one for other versions. */
  readonly id: string;
  /** Environment in which `make` finds all of it. */
  readonly env: Readonly<Record<string, string>>;
  /** Variables of the kernel's makefiles. */
  readonly variables: readonly string[];
}

/** Whether a file is an ELF program that names an interpreter, that is, one that asks for the host's loader. */
async function isProgram(file: string): Promise<boolean> {
  const status = await lstat(file);
  if (!status.isFile() || (status.mode & 0o100) === 0) return false;
  await using handle = await open(file);
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(4096), 0, 4096, 0);
  const head = buffer.subarray(0, bytesRead);
  return head.subarray(0, 4).equals(Buffer.from('\x7fELF')) && head.includes('/ld-linux-');
}

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

/**
 * Puts a script in the place of each program, which starts it by the release's own loader under the script's name. Patching the
 * programs' interpreter instead breaks the compiler proper, which is not position-independent.
 */
async function wrapPrograms(
  folder: string,
  home: string,
  loader: readonly string[],
): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) await wrapPrograms(file, path.join(home, entry.name), loader);
    else if (await isProgram(file)) {
      await rename(file, `${file}.elf`);
      const words = [...loader, '--argv0'].map(quoted).join(' ');
      const program = quoted(path.join(home, `${entry.name}.elf`));
      await writeFile(file, `#!/bin/sh\nexec ${words} "$0" ${program} "$@"\n`);
      await chmod(file, 0o755);
    }
  }
}

/** Unpacks the packages into `into`, which will be `home`: compiler, its parts beside it where it looks for them, and its sysroot. */
async function layOut(debs: readonly Deb[], into: string, home: string, arch: Arch): Promise<void> {
  for (const deb of debs) await run('dpkg-deb', ['-x', deb.file, into]);
  for (const folder of ['lib', 'lib64'])
    await symlink(`usr/${folder}`, path.join(into, folder)).catch(() => {});
  const host = hostArch();
  const libraries = librariesOf(home);
  const loader = [path.join(libraries, LOADER[host]), '--library-path', libraries];
  for (const folder of ['usr/bin', 'usr/libexec'])
    await wrapPrograms(path.join(into, folder), path.join(home, folder), loader);
  // Where the driver looks for assembler and linker before it asks PATH, which may have the host's.
  for (const triple of new Set([triplet(host), triplet(arch)])) {
    const beside = path.join(into, 'usr', triple, 'bin');
    await mkdir(beside, { recursive: true });
    for (const name of ['as', 'ld'])
      await symlink(`../../bin/${triple}-${name}`, path.join(beside, name)).catch(() => {});
  }
}

/** Opens the toolchain that builds kernels for `arch`. */
export async function openToolchain(arch: Arch, progress: Progress): Promise<Toolchain> {
  const host = hostArch();
  const packages = [...new Set([...PROGRAMS, ...compilerOf(host), ...compilerOf(arch)])];
  const debs = await fetchDebian({ arch: host, packages, progress });
  const id = cacheKey(
    LAYOUT,
    debs.map(({ sha256 }) => sha256),
  );
  const home = path.join(cacheDir, 'toolchain', id);
  await cached('toolchain', id, (into) =>
    progress.task('kernel: toolchain', () => layOut(debs, into, home, arch)),
  );
  const libraries = librariesOf(home);
  const linking = `--sysroot=${home} -Wl,--dynamic-linker=${path.join(libraries, LOADER[host])} -Wl,-rpath,${libraries}`;
  return {
    id,
    env: {
      PATH: `${path.join(home, 'usr/bin')}:/usr/sbin:/usr/bin:/sbin:/bin`,
      M4: path.join(home, 'usr/bin/m4'),
      BISON_PKGDATADIR: path.join(home, 'usr/share/bison'),
    },
    variables: [
      `CROSS_COMPILE=${triplet(arch)}-`,
      `CC=${triplet(arch)}-gcc-${GCC}`,
      `HOSTCC=${triplet(host)}-gcc-${GCC}`,
      `HOSTCFLAGS=--sysroot=${home}`,
      `HOSTLDFLAGS=${linking}`,
      // The host's answer would name the host's libraries; without one the makefiles ask for the usual names.
      'HOSTPKG_CONFIG=false',
    ],
  };
}
