import { chmod, lstat, mkdir, open, readdir, rename, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { workstationArch } from '../../workstation/arch.ts';
import { cached, cacheKey } from '../../workstation/cache.ts';
import { cacheDir } from '../../workstation/paths.ts';
import type { Progress } from '../../workstation/progress.ts';
import { run } from '../../workstation/run.ts';
import { type Deb, fetchDebian } from '../sources/debian/archive.ts';
import { LOADER, triplet } from '../sources/debian/toolroot.ts';

/** Version of the compiler that builds the kernel for every architecture: it is a cross compiler by itself. */
const CLANG = '19';
/** Version of the compiler that builds the programs that the kernel's makefiles run. */
const GCC = '14';
/** Increased with every change to how the toolchain is unpacked. */
const LAYOUT = 2;

const librariesOf = (home: string): string =>
  path.join(home, 'usr/lib', triplet(workstationArch()));

/** The compiler, the other programs that a kernel's build runs, and the libraries of all of them. */
const PROGRAMS = [
  'make', 'flex', 'bison', 'm4', 'bc', 'pahole', 'libc6-dev', 'linux-libc-dev', 'libcrypt-dev', 'libgcc-14-dev', 'libelf-dev', 'libssl-dev', 'zlib1g-dev', 'libzstd-dev',
  'libc6', 'binutils-common', 'libbinutils', 'libctf0', 'libctf-nobfd0', 'libsframe1', 'libjansson4', 'libgmp10', 'libmpfr6', 'libmpc3', 'libisl23',
  'libgcc-s1', 'libzstd1', 'zlib1g', 'libelf1t64', 'libssl3t64', 'libreadline8t64', 'libtinfo6', 'liblz4-1', 'libdw1t64', 'libbpf1', 'libbz2-1.0', 'liblzma5',
  'libstdc++6', 'libxml2', 'libicu76', 'libz3-4', 'libedit2', 'libffi8', 'libbsd0', 'libmd0',
  `clang-${CLANG}`, `lld-${CLANG}`, `llvm-${CLANG}`, `libclang-common-${CLANG}-dev`, `libllvm${CLANG}`, `libclang-cpp${CLANG}`,
]; // prettier-ignore

const workstationCompiler = (): string[] =>
  [`gcc-${GCC}`, `cpp-${GCC}`, 'binutils'].map((name) => `${name}-${triplet(workstationArch()).replace('_', '-')}`); // prettier-ignore

/** Folder of LLVM's programs in the sysroot. */
const LLVM_BIN = `usr/lib/llvm-${CLANG}/bin`;

/**
 * The release's compiler and other programs that build a kernel, run from the cache: every workstation makes the same
 * bytes.
 */
export interface Toolchain {
  /** Differs when a version differs. */
  readonly id: string;
  /** Environment in which `make` finds the programs. */
  readonly env: Readonly<Record<string, string>>;
  /** Variables of the kernel's makefiles. */
  readonly variables: readonly string[];
}

/** Says whether a file is an ELF program with an interpreter, which would be the workstation's loader. */
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
 * Replaces each program by a script that starts it with the release's own loader under the script's name. Patching the
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

/** Unpacks the packages into `into`, which becomes `home`, so that the compiler finds its parts and its sysroot. */
async function unpackToolchain(debs: readonly Deb[], into: string, home: string): Promise<void> {
  for (const deb of debs) await run('dpkg-deb', ['-x', deb.file, into]);
  for (const folder of ['lib', 'lib64'])
    await symlink(`usr/${folder}`, path.join(into, folder)).catch(() => {});
  const arch = workstationArch();
  const libraries = librariesOf(home);
  const loader = [path.join(libraries, LOADER[arch]), '--library-path', libraries];
  for (const folder of ['usr/bin', 'usr/libexec', LLVM_BIN])
    await wrapPrograms(path.join(into, folder), path.join(home, folder), loader);
  // gcc's driver looks here for assembler and linker before PATH, which may have the workstation's.
  const beside = path.join(into, 'usr', triplet(arch), 'bin');
  await mkdir(beside, { recursive: true });
  for (const name of ['as', 'ld'])
    await symlink(`../../bin/${triplet(arch)}-${name}`, path.join(beside, name)).catch(() => {});
}

/** Opens the toolchain, which builds kernels for every architecture. */
export async function openToolchain(progress: Progress): Promise<Toolchain> {
  const arch = workstationArch();
  const packages = [...PROGRAMS, ...workstationCompiler()];
  const debs = await fetchDebian({ arch, packages, progress });
  const id = cacheKey(
    LAYOUT,
    debs.map(({ sha256 }) => sha256),
  );
  const home = path.join(cacheDir, 'toolchain', id);
  await cached('toolchain', id, (into) =>
    progress.task('kernel: toolchain', () => unpackToolchain(debs, into, home)),
  );
  const libraries = librariesOf(home);
  const linking = `--sysroot=${home} -Wl,--dynamic-linker=${path.join(libraries, LOADER[arch])} -Wl,-rpath,${libraries}`;
  return {
    id,
    env: {
      PATH: `${path.join(home, LLVM_BIN)}:${path.join(home, 'usr/bin')}:/usr/sbin:/usr/bin:/sbin:/bin`,
      M4: path.join(home, 'usr/bin/m4'),
      BISON_PKGDATADIR: path.join(home, 'usr/share/bison'),
    },
    variables: [
      'LLVM=1',
      // Started by the loader, the compiler must find its parts by the name it is called by, not by its resolved path.
      'CC=clang -no-canonical-prefixes',
      `HOSTCC=${triplet(arch)}-gcc-${GCC}`,
      `HOSTCFLAGS=--sysroot=${home}`,
      `HOSTLDFLAGS=${linking}`,
      // The workstation's pkg-config would name its own libraries; without it the makefiles use the usual names.
      'HOSTPKG_CONFIG=false',
    ],
  };
}
