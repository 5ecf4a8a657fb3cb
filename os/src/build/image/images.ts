import { readdir } from 'node:fs/promises';
import path from 'node:path';

import { type Arch, repository } from '../../workstation/paths.ts';
import type { Progress } from '../../workstation/progress.ts';
import { makeImage, type Layer, type OciImage } from '../formats/oci.ts';
import { Tree } from '../formats/tree.ts';
import { AGENTS, imageName, PUBLISHED_AGENTS } from '../shipped.ts';
import { type BuiltProgram } from '../sources/upstream/build.ts';
import { KIOS } from '../versions.ts';
import { writeLayer, writeLayout } from './oci-layout.ts';
import {
  agentLayer,
  AGENT_ENTRYPOINT,
  AGENT_ENV,
  baseLayer,
  bunLayer,
  chronyLayer,
  chronyVersionEnv,
  type Parts,
} from './runtime.ts';
import { storedFile } from './stored-files.ts';

/** The user's bootstrap image; without a bundle it holds the shipped agent. */
export interface OtherBootstrap {
  readonly image: string;
  readonly bundle: string | undefined;
  /** Folder of programs that documents may name. */
  readonly plugins: string | undefined;
}

export interface ImagesRequest {
  readonly arch: Arch;
  /** Seconds since the epoch. */
  readonly time: number;
  /** Folder to write the OCI layout to. */
  readonly layout: string;
  readonly parts: Parts;
  /** The runtime for the workstation, which makes the bytecode. */
  readonly workstationBun: string;
  readonly pause: BuiltProgram;
  readonly cni: ReadonlyMap<string, BuiltProgram>;
  /** The image that replaces `bootstrap`. */
  readonly bootstrap?: OtherBootstrap;
}

const goOrigin = ({ module, version, sha256 }: BuiltProgram) => ({
  name: module,
  version,
  kind: 'go' as const,
  sha256,
});

const pauseLayer = (pause: BuiltProgram): Tree =>
  new Tree().file('/pause', 0o755, storedFile(pause.path), goOrigin(pause));

function pluginsLayer(plugins: ReadonlyMap<string, BuiltProgram>): Tree {
  const tree = new Tree();
  for (const [name, plugin] of plugins)
    tree.file(`/cni/bin/${name}`, 0o755, storedFile(plugin.path), goOrigin(plugin));
  return tree;
}

/** Makes the layer of programs that an agent's image brings for other programs to start. */
async function programsOf(
  name: string,
  { cni, bootstrap }: ImagesRequest,
): Promise<Tree | undefined> {
  if (name === 'cni') return pluginsLayer(cni);
  if (name !== 'bootstrap' || bootstrap?.plugins === undefined) return undefined;
  const { image, plugins } = bootstrap;
  const tree = new Tree();
  for (const program of (await readdir(plugins)).toSorted())
    tree.file(`/plugins/${program}`, 0o755, storedFile(path.join(plugins, program)), {
      name: image,
      version: KIOS,
      kind: 'kios',
    });
  return tree;
}

const bundleOf = (name: string): string => path.join(repository, 'agents', name, 'dist/agent.cjs');

/** Makes every image of the node, and those that are only published, and writes all of them into one OCI layout. */
export async function makeImages(request: ImagesRequest, progress: Progress): Promise<OciImage[]> {
  const { arch, time, layout, parts, workstationBun } = request;
  return progress.task(`images (${arch})`, async (note) => {
    const layer = async (tree: Tree): Promise<Layer> => writeLayer(layout, tree, time);
    const baseTree = await baseLayer(parts);
    const base = await layer(baseTree);
    const runtime = [base, await layer(bunLayer(parts))];
    const image = (
      name: string,
      layers: readonly Layer[],
      entrypoint: readonly string[],
      env: readonly string[],
    ): OciImage => {
      note(name);
      return makeImage({ name, layers, entrypoint, env }, arch, time);
    };
    const images: OciImage[] = [];
    for (const name of [...AGENTS, ...PUBLISHED_AGENTS]) {
      const other = name === 'bootstrap' ? request.bootstrap : undefined;
      const own = await layer(await agentLayer(other?.bundle ?? bundleOf(name), workstationBun));
      const programs = await programsOf(name, request);
      const layers = [...runtime, ...(programs === undefined ? [] : [await layer(programs)]), own];
      const env = name === 'chrony-config' ? chronyVersionEnv(parts) : [];
      const full = [...AGENT_ENV, ...env];
      images.push(image(other?.image ?? imageName(name), layers, AGENT_ENTRYPOINT, full));
    }
    const chrony = await layer(await chronyLayer(parts, baseTree));
    images.push(
      image(imageName('chrony'), [base, chrony], ['/usr/sbin/chronyd'], ['PATH=/usr/sbin']),
    );
    images.push(
      image(imageName('pause'), [await layer(pauseLayer(request.pause))], ['/pause'], []),
    );
    await writeLayout(layout, images, arch);
    return images;
  });
}
