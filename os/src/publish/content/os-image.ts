import path from 'node:path';

import { type Blob, descriptorOf, makeImage } from '../../build/formats/oci.ts';
import { Tree } from '../../build/formats/tree.ts';
import { writeLayer } from '../../build/image/oci-layout.ts';
import { storedFile } from '../../build/image/stored-files.ts';
import { OS } from './annotations.ts';
import type { Built, BuiltImage } from './built.ts';

/** The image of the operating system, with the blobs that no build has written. */
export interface SystemImage {
  readonly image: BuiltImage;
  readonly blobs: readonly Blob[];
}

/**
 * Makes an image of the operating system: one layer with `kios.efi` and the record of its build. It is an image, not an
 * artefact, because a pod can mount only images as volumes. Its layer goes into the OCI layout `layout`.
 */
export async function makeSystemImage(built: Built, layout: string): Promise<SystemImage> {
  const { arch, dist, record } = built;
  const origin = { name: 'kios', version: record.version, kind: 'kios' } as const;
  const tree = new Tree()
    .file('/kios.efi', 0o644, storedFile(path.join(dist, 'kios.efi')), origin)
    .file('/build.json', 0o644, storedFile(path.join(dist, 'build.json')), origin);
  const layer = await writeLayer(layout, tree, record.time);
  const made = makeImage({ name: OS, layers: [layer], entrypoint: [], env: [] }, arch, record.time);
  const { config, manifest } = made;
  const layers = [layer.descriptor];
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
