import path from 'node:path';

import { workstationArch } from '../../../workstation/arch.ts';
import type { Arch } from '../../../workstation/paths.ts';
import type { Progress } from '../../../workstation/progress.ts';
import { run, type RunOptions } from '../../../workstation/run.ts';
import { extract, fetchDebian } from './archive.ts';

/** The tools that make the image come from the image's release, so that the workstation's versions do not matter. */
const PACKAGES = [
  'libc6', 'erofs-utils', 'e2fsprogs', 'dosfstools', 'mtools', 'kmod', 'xz-utils', 'zstd',
  'libblkid1', 'libcom-err2', 'libdeflate0', 'libext2fs2t64', 'libkmod2', 'liblz4-1', 'liblzma5', 'libpcre2-8-0',
  'libselinux1', 'libss2', 'libssl3t64', 'libuuid1', 'libzstd1', 'zlib1g',
]; // prettier-ignore

const TRIPLET = { amd64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' } as const;
export const LOADER = { amd64: 'ld-linux-x86-64.so.2', arm64: 'ld-linux-aarch64.so.1' } as const;

export const triplet = (arch: Arch): string => TRIPLET[arch];
/** Returns the path of the dynamic loader in a root, as ELF files name it. */
export const loader = (arch: Arch): string =>
  (arch === 'amd64' ? '/lib64/' : '/lib/') + LOADER[arch];

/**
 * Returns the command line that runs a program of an unpacked root for the workstation's architecture with the root's
 * own loader and libraries, without a chroot.
 */
export function commandIn(root: string, program: string): string[] {
  const arch = workstationArch();
  const libraries = path.join(root, 'usr/lib', TRIPLET[arch]);
  const ld = path.join(libraries, LOADER[arch]);
  const argv0 = path.basename(program);
  return [ld, '--library-path', libraries, '--argv0', argv0, path.join(root, program)];
}

export type Tool =
  | 'usr/bin/dump.erofs'
  | 'usr/bin/fsck.erofs'
  | 'usr/bin/mkfs.erofs'
  | 'usr/bin/mcopy'
  | 'usr/bin/mdel'
  | 'usr/bin/mdir'
  | 'usr/bin/mmd'
  | 'usr/bin/mren'
  | 'usr/bin/mtype'
  | 'usr/bin/xz'
  | 'usr/bin/zstd'
  | 'usr/sbin/depmod'
  | 'usr/sbin/dumpe2fs'
  | 'usr/sbin/fsck.fat'
  | 'usr/sbin/mke2fs'
  | 'usr/sbin/mkfs.fat'
  | 'usr/sbin/modinfo'
  | 'usr/sbin/modprobe';

/** Programs of the release, run with its own loader and libraries, without a chroot. */
export interface Toolroot<Name extends string = Tool> {
  /** Differs when the version of a tool differs. */
  readonly id: string;
  run(tool: Name, args: readonly string[], options?: RunOptions): Promise<string>;
  /** Returns the command line that runs the tool, for callers that wrap it. */
  command(tool: Name): readonly string[];
}

/** Unpacks packages and returns their programs; `packages` names every library that these need. */
export async function openTools<Name extends string>(
  packages: readonly string[],
  progress: Progress,
): Promise<Toolroot<Name>> {
  const arch = workstationArch();
  const root = await extract(await fetchDebian({ arch, packages, progress }));
  return {
    id: path.basename(root),
    command: (tool) => commandIn(root, tool),
    run: async (tool, args, options = {}) => {
      const [ld = '', ...command] = commandIn(root, tool);
      // Without MTOOLSRC, mtools reads the user's own settings.
      const env = { LC_ALL: 'C', MTOOLSRC: '/dev/null', ...options.env };
      return run(ld, [...command, ...args], { ...options, env });
    },
  };
}

export const openToolroot = (progress: Progress): Promise<Toolroot> =>
  openTools<Tool>(PACKAGES, progress);
