import { readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';

import { cached, cacheKey } from '../../workstation/cache.ts';
import { sha256 } from '../../workstation/digest.ts';
import { type Arch, repository } from '../../workstation/paths.ts';
import type { Progress } from '../../workstation/progress.ts';
import { run } from '../../workstation/run.ts';
import { openToolchain } from '../kernel/toolchain.ts';
import { KIOS } from '../versions.ts';
import type { BootProgram } from './stub.ts';

export const GUARD_SOURCE = path.join(repository, 'os/boot-guard');

/** The compiler's and the linker's names of each architecture. UEFI has the calling conventions of Windows. */
const TARGETS = {
  amd64: { triple: 'x86_64-unknown-windows', machine: 'x64' },
  arm64: { triple: 'aarch64-unknown-windows', machine: 'arm64' },
} as const satisfies Readonly<Record<Arch, unknown>>;

/** There is no library: the compiler must call none for what it makes of loops, stack frames and returns. */
const COMPILING = [
  '-std=c17',
  '-Os',
  '-Wall',
  '-Wextra',
  '-Werror',
  '-ffreestanding',
  '-fno-stack-protector',
  '-mno-stack-arg-probe',
  '-fno-asynchronous-unwind-tables',
  '-fno-unwind-tables',
  '-mgeneral-regs-only',
];

/** Equal sources give equal bytes: the header has no time. */
const LINKING = [
  '/nologo',
  '/subsystem:efi_application',
  '/entry:EfiMain',
  '/nodefaultlib',
  '/timestamp:0',
];

/** Compiles the guard to `guard.efi` in a folder, with the toolchain that `env` finds. */
export async function compileGuard(
  arch: Arch,
  into: string,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const { triple, machine } = TARGETS[arch];
  const object = path.join(into, 'guard.obj');
  // Started by the loader, the compiler must find its parts by the name it is called by, not by its resolved path.
  const compiling = ['-no-canonical-prefixes', `--target=${triple}`, ...COMPILING];
  await run('clang', [...compiling, '-c', 'guard.c', '-o', object], { cwd: GUARD_SOURCE, env });
  const out = `/out:${path.join(into, 'guard.efi')}`;
  await run('lld-link', [...LINKING, `/machine:${machine}`, out, object], { env });
  await rm(object);
}

/** Builds the guard, which firmware starts from a medium, by the kernel's compiler, or takes it from the cache. */
export async function buildGuard(arch: Arch, progress: Progress): Promise<BootProgram> {
  const toolchain = await openToolchain(progress);
  const names = (await readdir(GUARD_SOURCE)).filter((name) => /\.[ch]$/.test(name)).toSorted();
  const texts = names.map((name) => readFile(path.join(GUARD_SOURCE, name), 'utf8'));
  const key = cacheKey(toolchain.id, TARGETS[arch], COMPILING, LINKING, names, await Promise.all(texts)); // prettier-ignore
  const dir = await cached('boot-guard', `${arch}-${key}`, (into) =>
    progress.task(`boot guard (${arch})`, () => compileGuard(arch, into, toolchain.env)),
  );
  const bytes = await readFile(path.join(dir, 'guard.efi'));
  const name = 'kios-boot-guard';
  return { bytes, origin: { name, version: KIOS, kind: 'kios', sha256: sha256(bytes) } };
}
