import type { Arch } from '../../workstation/paths.ts';
import type { Progress } from '../../workstation/progress.ts';
import type { Tree } from '../formats/tree.ts';
import { addLibraries, fetchPackages, locate } from './runtime.ts';
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

/**
 * Puts crun in the place of runc. Its loader and libraries lie where it looks for them; the loader and libc are the
 * same files as in the images, of which the root keeps one copy.
 */
export async function replaceRunc(tree: Tree, arch: Arch, progress: Progress): Promise<void> {
  const packages = await fetchPackages(arch, PACKAGES, progress);
  const { file, origin } = locate(packages, 'usr/bin/crun');
  tree.file('/bin/runc', 0o755, storedFile(file), origin);
  await addLibraries(tree, packages, [file]);
}
