import { descriptorOf } from '../../build/formats/oci.ts';
import { makeToolbox, TOOLBOX } from '../../build/toolbox/toolbox.ts';
import type { Progress } from '../../workstation/progress.ts';
import type { Layout } from '../transport/layout.ts';
import type { Built, BuiltImage } from './built.ts';
import type { ExtraImage } from './publication.ts';

/** Makes the toolbox for the architecture of each build, in the layout of what is sent. */
export async function makeToolboxImage(
  builds: readonly Built[],
  layout: Layout,
  progress: Progress,
): Promise<ExtraImage> {
  const images = new Map<Built, BuiltImage>();
  const sboms = new Map<Built, string>();
  for (const built of builds) {
    const { arch, record } = built;
    const wanted = { arch, time: record.time, layout: layout.dir };
    const { image, sbom } = await makeToolbox(wanted, progress);
    const { config, manifest } = image;
    const layers = image.layers.map(({ descriptor }) => descriptor);
    await layout.add(config, manifest);
    for (const layer of layers) layout.has(layer);
    const blobs = [descriptorOf(config), ...layers];
    images.set(built, { name: TOOLBOX, manifest: descriptorOf(manifest), layers, blobs });
    sboms.set(built, sbom);
  }
  return { name: TOOLBOX, images, sboms };
}
