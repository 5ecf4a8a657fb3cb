import path from 'node:path';

import { vi } from 'vitest';

import { makeImage, type OciImage, referenceOf } from '../../src/build/formats/oci.ts';
import { Tree } from '../../src/build/formats/tree.ts';
import { writeLayer } from '../../src/build/image/oci-layout.ts';
import { stampSandbox } from '../../src/build/image/root.ts';
import { storedFile } from '../../src/build/image/stored-files.ts';
import type { References } from '../../src/build/manifests/stamp.ts';
import { imageName } from '../../src/build/shipped.ts';
import { buildUpstream } from '../../src/build/sources/upstream/build.ts';
import { makeStore, type PreloadedImage } from '../../src/build/store/store.ts';
import { workstationArch } from '../../src/workstation/arch.ts';
import { silent } from '../../src/workstation/progress.ts';
import { Containerd, unpack } from './containerd.ts';
import { origin } from './trees.ts';

/** The time of all files of the test's images. */
export const TIME = 1_790_000_000;
const PROGRAMS = ['containerd', 'ctr', 'runc', 'containerd-shim-runc-v2', 'kubelet'];

/** Returns the path of a program of the node by its name. */
export type Programs = (name: string) => string;

/** Builds the programs that run pods on a node, and lets containerd find its shim, which it does by PATH. */
export async function buildPrograms(): Promise<Programs> {
  const built = await buildUpstream(PROGRAMS, workstationArch(), silent);
  const programs: Programs = (name) => built.get(name)!.path;
  const shim = path.dirname(programs('containerd-shim-runc-v2'));
  vi.stubEnv('PATH', `${shim}:${process.env['PATH']}`);
  return programs;
}

/** Makes a shipped image that runs one program, and writes its layer into an OCI layout. */
export async function imageOf(
  layout: string,
  name: string,
  program: string,
  more: (tree: Tree) => Tree = (tree) => tree,
): Promise<OciImage> {
  const tree = more(new Tree().file('/run', 0o755, storedFile(program), origin));
  const layers = [await writeLayer(layout, tree, TIME)];
  const spec = { name: imageName(name), layers, entrypoint: ['/run'], env: [] };
  return makeImage(spec, workstationArch(), TIME);
}

export const referencesOf = (images: readonly OciImage[]): References =>
  new Map(images.map((image) => [image.name, referenceOf(image)]));

/** Starts the node's containerd below `home`, with these images in its store. */
export async function openNodeContainerd(
  home: string,
  programs: Programs,
  images: readonly OciImage[],
  configure = (text: string): string => text,
  preloaded: readonly PreloadedImage[] = [],
): Promise<Containerd> {
  const store = path.join(home, 'store');
  await unpack(makeStore(images, TIME, origin, preloaded), store, TIME);
  return Containerd.open({
    dir: path.join(home, 'containerd'),
    programs: { containerd: programs('containerd'), ctr: programs('ctr') },
    store,
    configure: (text) =>
      configure(
        stampSandbox(text, referencesOf(images))
          .replace('/bin/runc', programs('runc'))
          // Not every workstation lets root lower a score.
          .replace('enable_selinux = false', 'restrict_oom_score_adj = true'),
      ),
  });
}
