import { readFile } from 'node:fs/promises';
import path from 'node:path';

import * as v from 'valibot';

import { type Layer, makeImage, type OciImage } from '../../build/formats/oci.ts';
import type { Tree } from '../../build/formats/tree.ts';
import { writeLayer, writeLayout } from '../../build/image/oci-layout.ts';
import { type BuiltProgram, buildUpstream } from '../../build/sources/upstream/build.ts';
import { CONFORMANCE_PROGRAMS } from '../../build/sources/upstream/components.ts';
import { cached, cacheKey } from '../../workstation/cache.ts';
import type { Arch } from '../../workstation/paths.ts';
import type { Progress } from '../../workstation/progress.ts';
import { addToRegistry } from './fake-registry.ts';
import { openKitchen, pauseRecipe, type Recipe, recipes } from './recipes.ts';

/** Increased when a recipe changes, so that the cache forgets what it made. */
const RECIPES = 5;
/** The seconds that all files of these images have; a test reads none. */
const TIME = 1_700_000_000;

/** Images of Kubernetes' tests in an OCI layout, and which of its manifests each name means. */
export interface TestImages {
  readonly layout: string;
  /** Digest by `REPOSITORY:TAG`, without the registry. */
  readonly tags: ReadonlyMap<string, string>;
}

async function make(
  layout: string,
  programs: ReadonlyMap<string, BuiltProgram>,
  arch: Arch,
  progress: Progress,
): Promise<void> {
  const images: OciImage[] = [];
  const written = new Map<Tree, Layer>();
  const layerOf = async (tree: Tree): Promise<Layer> => {
    const layer = written.get(tree) ?? (await writeLayer(layout, tree, TIME));
    written.set(tree, layer);
    return layer;
  };
  const add = async ({ names, trees, image }: Recipe): Promise<void> => {
    const layers: Layer[] = [];
    for (const tree of trees) layers.push(await layerOf(tree));
    for (const name of names) images.push(makeImage({ name, layers, ...image }, arch, TIME));
  };
  await add(await pauseRecipe(arch, progress));
  const [pause] = images;
  const kitchen = await openKitchen(programs, arch, progress);
  for (const recipe of await recipes(kitchen, (agnhost) => {
    if (pause !== undefined) addToRegistry(agnhost, { layout, image: pause, tag: 'pause:testing' });
  }))
    await add(recipe);
  await writeLayout(layout, images, arch);
}

/** The part of a layout's index that is read (OCI image-spec v1.1, image-layout.md). */
const Index = v.object({
  manifests: v.array(
    v.object({
      digest: v.string(),
      annotations: v.object({ 'io.containerd.image.name': v.string() }),
    }),
  ),
});

/** Makes the images that Kubernetes' tests run, or takes them from the cache. */
export async function testImages(arch: Arch, progress: Progress): Promise<TestImages> {
  const programs = await buildUpstream(CONFORMANCE_PROGRAMS, arch, progress);
  const digests = [...programs.values()].map(({ sha256 }) => sha256);
  const layout = await cached('test-images', cacheKey(RECIPES, arch, digests), (into) =>
    progress.task('images of Kubernetes’ tests', () => make(into, programs, arch, progress)),
  );
  const text = await readFile(path.join(layout, 'index.json'), 'utf8');
  const { manifests } = v.parse(v.pipe(v.string(), v.parseJson(), Index), text);
  const tags = manifests.map(
    ({ digest, annotations }) => [annotations['io.containerd.image.name'], digest] as const,
  );
  return { layout, tags: new Map(tags) };
}
