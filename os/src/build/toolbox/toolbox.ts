import path from 'node:path';

import { workstationArch } from '../../workstation/arch.ts';
import type { Arch } from '../../workstation/paths.ts';
import type { Progress } from '../../workstation/progress.ts';
import { run } from '../../workstation/run.ts';
import { makeImage, type OciImage } from '../formats/oci.ts';
import { makeSbom } from '../formats/sbom.ts';
import { type Origin, Tree } from '../formats/tree.ts';
import { writeLayer } from '../image/oci-layout.ts';
import {
  addLibraries,
  certificates,
  fetchPackages,
  locate,
  type Packages,
} from '../image/runtime.ts';
import { storedFile } from '../image/stored-files.ts';
import { extract, fetchDebian } from '../sources/debian/archive.ts';
import { KIOS } from '../versions.ts';
import { DATA, KMOD_NAMES, LIBRARIES, PROGRAMS } from './contents.ts';

/** Name of the image for `kubectl debug node`. It never ships with a node. */
export const TOOLBOX = 'toolbox';

const OWN: Origin = { name: 'kios', version: KIOS, kind: 'kios' };
const BUSYBOX = 'usr/bin/busybox';

/** Only root is in such a pod; `ps` and `ls` want names for it and for nobody, and tcpdump becomes its own user. */
const TABLES = {
  '/etc/passwd': `${[
    'root:x:0:0:root:/root:/usr/bin/bash',
    'tcpdump:x:100:65534:tcpdump:/:/bin/false',
    'nobody:x:65534:65534:nobody:/:/bin/false',
  ].join('\n')}\n`,
  '/etc/group': 'root:x:0:\nnogroup:x:65534:\n',
} as const;

/** Folders that the runtime mounts something on, or that programs expect. */
const FOLDERS = ['/dev', '/etc', '/host', '/proc', '/root', '/run', '/sys', '/usr/sbin', '/var'];

/** Names of the programs that busybox is. Only the workstation's own can be asked. */
async function applets(progress: Progress): Promise<readonly string[]> {
  const arch = workstationArch();
  const root = await extract(await fetchDebian({ arch, packages: ['busybox-static'], progress }));
  return (await run(path.join(root, BUSYBOX), ['--list'])).trim().split('\n');
}

/** Programs of busybox that end the machine they are on: a pod for looking shares the node's processes. */
const LEFT_OUT: ReadonlySet<string> = new Set(['halt', 'init', 'linuxrc', 'poweroff', 'reboot']);

/** Adds links for busybox' programs, except where there is one of the same name. */
function addApplets(tree: Tree, names: readonly string[]): void {
  for (const name of names) {
    if (LEFT_OUT.has(name)) continue;
    const isThere = ['/usr/bin', '/usr/sbin'].some((folder) => tree.has(`${folder}/${name}`));
    if (!isThere) tree.symlink(`/usr/bin/${name}`, 'busybox');
  }
}

function addFiles(tree: Tree, packages: Packages, files: readonly string[], mode: number): void {
  for (const name of files) {
    const { file, origin } = locate(packages, name);
    tree.file(`/${name}`, mode, storedFile(file), origin);
  }
}

/** Makes the toolbox: programs to look at a node with, and what these need. None of them is set-user-ID. */
export async function toolboxTree(arch: Arch, progress: Progress): Promise<Tree> {
  const names = [...Object.keys(PROGRAMS), ...Object.keys(DATA), ...LIBRARIES];
  const packages = await fetchPackages(arch, names, progress);
  const programs = Object.values(PROGRAMS).flat();
  const tree = new Tree().directory('/tmp', 0o1777);
  for (const folder of FOLDERS) tree.directory(folder);
  tree.symlink('/bin', 'usr/bin').symlink('/sbin', 'usr/sbin');
  addFiles(tree, packages, programs, 0o755);
  addFiles(tree, packages, Object.values(DATA).flat(), 0o644);
  for (const name of KMOD_NAMES) tree.symlink(`/usr/sbin/${name}`, '../bin/kmod');
  tree.symlink('/usr/bin/sh', 'bash');
  addApplets(tree, await applets(progress));
  const dynamic = programs.filter((name) => name !== BUSYBOX);
  await addLibraries(tree, packages, dynamic.map((name) => locate(packages, name).file)); // prettier-ignore
  const { bytes, origin } = await certificates(packages);
  tree.file('/etc/ssl/certs/ca-certificates.crt', 0o644, { bytes }, origin);
  for (const [file, text] of Object.entries(TABLES)) tree.text(file, text, OWN);
  return tree;
}

export interface Toolbox {
  readonly image: OciImage;
  /** Bill of materials (SPDX). */
  readonly sbom: string;
}

/** Makes the image of the toolbox. Its layer goes into the OCI layout `layout`. */
export async function makeToolbox(
  { arch, time, layout }: { readonly arch: Arch; readonly time: number; readonly layout: string },
  progress: Progress,
): Promise<Toolbox> {
  const tree = await toolboxTree(arch, progress);
  const layers = [await writeLayer(layout, tree, time)];
  const env = ['PATH=/usr/sbin:/usr/bin', 'HOME=/root', 'TERM=xterm'];
  const command = ['/usr/bin/bash'];
  return {
    image: makeImage({ name: TOOLBOX, layers, entrypoint: [], command, env }, arch, time),
    sbom: await makeSbom(`kios-${TOOLBOX}-${KIOS}`, [tree], time),
  };
}
