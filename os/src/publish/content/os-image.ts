import path from 'node:path';

import { type Blob, descriptorOf, type Layer, makeImage } from '../../build/formats/oci.ts';
import { Tree } from '../../build/formats/tree.ts';
import { MODULES_IMAGE } from '../../build/image/modules-image.ts';
import { writeLayer } from '../../build/image/oci-layout.ts';
import { storedFile } from '../../build/image/stored-files.ts';
import { OS } from './annotations.ts';
import type { Built, BuiltImage } from './built.ts';

/** The image of the operating system, with the blobs that no build has written. */
export interface SystemImage {
  readonly image: BuiltImage;
  readonly blobs: readonly Blob[];
}

/** The layer with `modules.erofs` has no time of its own, as the file: releases with one kernel share its blob. */
async function writeLayers({ dist, record }: Built, layout: string): Promise<readonly Layer[]> {
  const origin = { name: 'kios', version: record.version, kind: 'kios' } as const;
  const treeOf = (...names: readonly string[]): Tree => {
    const tree = new Tree();
    for (const name of names)
      tree.file(`/${name}`, 0o644, storedFile(path.join(dist, name)), origin);
    return tree;
  };
  const parts = Object.entries(record.boards ?? {}).flatMap(([board, files]) =>
    Object.entries(files).flatMap(([name, { offset }]) =>
      offset === undefined ? [`${board}/${name}`] : [],
    ),
  );
  const system = await writeLayer(layout, treeOf('kios.efi', 'build.json', ...parts), record.time);
  if (record.modules === undefined) return [system];
  return [await writeLayer(layout, treeOf(MODULES_IMAGE), 0), system];
}

/**
 * Makes an image of the operating system: `kios.efi`, the record of its build, what boards start besides the initramfs
 * in `kios.efi`, and `modules.erofs` if that was built.
 * It is an image, not an artefact, because a pod can mount only images as volumes. Its layers go into the OCI layout
 * `layout`.
 */
export async function makeSystemImage(built: Built, layout: string): Promise<SystemImage> {
  const { arch, record } = built;
  const written = await writeLayers(built, layout);
  const made = makeImage({ name: OS, layers: written, entrypoint: [], env: [] }, arch, record.time);
  const { config, manifest } = made;
  const layers = written.map(({ descriptor }) => descriptor);
  return {
    image: {
      name: OS,
      manifest: descriptorOf(manifest),
      layers,
      blobs: [descriptorOf(config), ...layers],
    },
    blobs: [config, manifest],
  };
}
