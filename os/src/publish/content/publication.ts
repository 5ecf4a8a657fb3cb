import { readFile } from 'node:fs/promises';

import {
  type Annotations,
  type Artifact,
  makeArtifact,
  makeIndex,
  type PlatformManifest,
} from '../../build/formats/oci-artifact.ts';
import {
  type Blob,
  blobOf,
  type Descriptor,
  descriptorOf,
  jsonBlob,
} from '../../build/formats/oci.ts';
import { artefactsIn } from '../../build/image/artefacts.ts';
import { sbomOf } from '../../build/image/record.ts';
import type { Arch } from '../../workstation/paths.ts';
import { annotationsOf, OS, releaseAnnotations } from './annotations.ts';
import type { Built, BuiltImage } from './built.ts';
import { makeProvenance, PROVENANCE } from './provenance.ts';

/** A manifest about another one. */
export interface Referrer extends Artifact {
  readonly subject: Descriptor;
}

/** Everything of one repository: an image for each architecture, the index over them, and what is known about both. */
export interface Publication {
  readonly name: string;
  readonly images: ReadonlyMap<Arch, BuiltImage>;
  readonly index: Blob;
  readonly referrers: readonly Referrer[];
}

const SPDX = 'application/spdx+json';
const IN_TOTO = 'application/vnd.in-toto+json';

function makeReferrer(
  artifactType: string,
  subject: Descriptor,
  content: Buffer,
  annotations: Annotations = {},
): Referrer {
  const blob = blobOf(artifactType, content);
  const layers = [descriptorOf(blob)];
  return { subject, ...makeArtifact({ artifactType, layers, subject, annotations }, [blob]) };
}

/** Reads the bills of materials of an image that a build has made; modules.erofs has one of its own. */
const readSboms =
  (name: string) =>
  async ({ dist, record }: Built): Promise<readonly Buffer[]> => {
    if (name !== OS) return [await readFile(sbomOf(dist, name))];
    const { sbom, modulesSbom } = artefactsIn(dist);
    const files = record.modules === undefined ? [sbom] : [sbom, modulesSbom];
    return Promise.all(files.map((file) => readFile(file)));
  };

/** An image that no build makes, for each of some builds. It is no part of the release. */
export interface ExtraImage {
  readonly name: string;
  readonly images: ReadonlyMap<Built, BuiltImage>;
  readonly sboms: ReadonlyMap<Built, string>;
}

interface Part {
  readonly built: Built;
  readonly image: BuiltImage;
  readonly sboms: readonly Buffer[];
}

async function publicationOf(
  name: string,
  images: ReadonlyMap<Built, BuiltImage>,
  annotations: Annotations,
  sbomsFor: (built: Built) => Promise<readonly Buffer[]> = readSboms(name),
): Promise<Publication> {
  const parts: Part[] = [];
  for (const [built, image] of images) parts.push({ built, image, sboms: await sbomsFor(built) });
  const manifests: PlatformManifest[] = parts.map(({ built, image }) => ({
    ...image.manifest,
    arch: built.arch,
  }));
  const index = makeIndex(manifests, annotations);
  const provenance = makeProvenance(
    [index, ...manifests].map(({ digest }) => ({ name, digest })),
    parts.map(({ built }) => built.record),
    parts.flatMap(({ sboms }) => sboms.map(String)),
  );
  return {
    name,
    images: new Map(parts.map(({ built, image }) => [built.arch, image])),
    index,
    referrers: [
      ...parts.flatMap(({ image, sboms }) =>
        sboms.map((sbom) => makeReferrer(SPDX, image.manifest, sbom)),
      ),
      makeReferrer(IN_TOTO, index, jsonBlob(IN_TOTO, provenance).content, {
        'in-toto.io/predicate-type': PROVENANCE,
      }),
    ],
  };
}

/**
 * Makes the content of every repository, the operating system's last: its annotations name the others of the release by
 * digest, so that its tag stands for the whole set.
 */
export async function makePublications(
  builds: readonly Built[],
  systems: ReadonlyMap<Built, BuiltImage>,
  extras: readonly ExtraImage[] = [],
): Promise<Publication[]> {
  const [first] = builds;
  if (first === undefined) return [];
  const { record } = first;
  const publications: Publication[] = [];
  for (const { name } of first.images) {
    const images = new Map(
      builds.flatMap((built) => {
        const image = built.images.find((other) => other.name === name);
        return image === undefined ? [] : [[built, image] as const];
      }),
    );
    publications.push(await publicationOf(name, images, annotationsOf(name, record)));
  }
  const release = releaseAnnotations(publications);
  for (const { name, images, sboms } of extras) {
    const sbomsFor = (built: Built): Promise<readonly Buffer[]> =>
      Promise.resolve([Buffer.from(sboms.get(built) ?? '')]);
    publications.push(await publicationOf(name, images, annotationsOf(name, record), sbomsFor));
  }
  const annotations = { ...annotationsOf(OS, record), ...release };
  return [...publications, await publicationOf(OS, systems, annotations)];
}
