import { copyFile } from 'node:fs/promises';
import path from 'node:path';

import { cached, cacheKey } from '../../workstation/cache.ts';
import type { Arch } from '../../workstation/paths.ts';
import type { Progress } from '../../workstation/progress.ts';
import type { Tree } from '../formats/tree.ts';
import { LOADER, openTools, triplet } from '../sources/debian/toolroot.ts';
import { libraryClosure } from './library-closure.ts';
import { fetchPackages, locate } from './runtime.ts';
import { storedFile } from './stored-files.ts';

/** Programs that make containers. Nodes have runc; Debian's crun is there to be compared with it. */
export type OciRuntime = 'runc' | 'crun';

/** crun and the packages of its libraries. */
const PACKAGES = [
  'crun',
  'libc6',
  'libcap2',
  'libgcc-s1',
  'libseccomp2',
  'libsystemd0',
  'libyajl2',
];

/** The only folder of a node's root from which anything is executed, be it a loader or a library. */
const FOLDER = '/bin';

/** Returns the program with another loader and other libraries: those of the folder. */
async function moved(
  program: string,
  sha256: string,
  arch: Arch,
  progress: Progress,
): Promise<string> {
  const packages = ['patchelf', 'libc6', 'libgcc-s1', 'libstdc++6'];
  const tools = await openTools<'usr/bin/patchelf'>(packages, progress);
  const dir = await cached('crun', cacheKey(tools.id, sha256, FOLDER), async (into) => {
    const copy = path.join(into, 'crun');
    await copyFile(program, copy);
    const loader = ['--set-interpreter', `${FOLDER}/${LOADER[arch]}`];
    await tools.run('usr/bin/patchelf', [...loader, '--force-rpath', '--set-rpath', FOLDER, copy]);
  });
  return path.join(dir, 'crun');
}

/** Puts crun in the place of runc, and what it is linked with beside it. */
export async function replaceRunc(tree: Tree, arch: Arch, progress: Progress): Promise<void> {
  const packages = await fetchPackages(arch, PACKAGES, progress);
  const { file, origin } = locate(packages, 'usr/bin/crun');
  const program = await moved(file, origin.sha256 ?? '', arch, progress);
  tree.file(`${FOLDER}/runc`, 0o755, storedFile(program), origin);
  const library = (name: string) => locate(packages, `usr/lib/${triplet(arch)}/${name}`);
  for (const name of await libraryClosure([file], (each) => library(each).file)) {
    const found = library(name);
    tree.file(`${FOLDER}/${name}`, 0o755, storedFile(found.file), found.origin);
  }
}
