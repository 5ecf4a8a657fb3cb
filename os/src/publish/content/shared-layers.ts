import { type Artifact, makeArtifact } from '../../build/formats/oci-artifact.ts';
import type { Descriptor } from '../../build/formats/oci.ts';
import type { Publication } from './publication.ts';

/** Layers that the same repositories share, as a manifest that a registry can copy from one to the other. */
export interface SharedLayers extends Artifact {
  /** The repositories, two or more. */
  readonly names: readonly string[];
}

const TYPE = 'application/vnd.kios.shared-layers.v1';

/** Groups the layers that several publications have by the publications that have them. */
export function sharedLayers(publications: readonly Publication[]): SharedLayers[] {
  const users = new Map<string, { layer: Descriptor; names: Set<string> }>();
  for (const { name, images } of publications)
    for (const layer of [...images.values()].flatMap((image) => image.layers)) {
      const known = users.get(layer.digest) ?? { layer, names: new Set() };
      known.names.add(name);
      users.set(layer.digest, known);
    }
  const groups = Map.groupBy(users.values(), ({ names }) => [...names].join(' '));
  return [...groups.values()].flatMap((group) => {
    const names = [...(group[0]?.names ?? [])];
    if (names.length < 2) return [];
    const layers = group.map(({ layer }) => layer);
    return [{ names, ...makeArtifact({ artifactType: TYPE, layers }) }];
  });
}
