import { type Blob, blobOf, type Descriptor, descriptorOf, jsonBlob, MEDIA } from './oci.ts';

export type Annotations = Readonly<Record<string, string>>;

/** The manifest of one architecture in an index. */
export interface PlatformManifest extends Descriptor {
  readonly arch: string;
}

/** Makes an index over one image for several architectures (OCI image-spec v1.1, image-index.md). */
export function makeIndex(manifests: readonly PlatformManifest[], annotations: Annotations): Blob {
  return jsonBlob(MEDIA.index, {
    schemaVersion: 2,
    mediaType: MEDIA.index,
    manifests: manifests.map((manifest) => ({
      ...descriptorOf(manifest),
      platform: { architecture: manifest.arch, os: 'linux' },
    })),
    annotations,
  });
}

/** The configuration of a manifest that has none (OCI image-spec v1.1, "Guidance for an Empty Descriptor"). */
const EMPTY = blobOf('application/vnd.oci.empty.v1+json', Buffer.from('{}'));

export interface ArtifactSpec {
  readonly artifactType: string;
  readonly layers: readonly Descriptor[];
  /** The manifest that this one is about. */
  readonly subject?: Descriptor;
  readonly annotations?: Annotations;
}

/** A manifest of something that is no image, with the blobs that only it brings. */
export interface Artifact {
  readonly artifactType: string;
  readonly manifest: Blob;
  readonly blobs: readonly Blob[];
}

/** Makes the manifest of an artefact (OCI image-spec v1.1, "Guidelines for Artifact Usage"). */
export function makeArtifact(spec: ArtifactSpec, blobs: readonly Blob[] = []): Artifact {
  const { artifactType, layers, subject, annotations } = spec;
  const manifest = jsonBlob(MEDIA.manifest, {
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    artifactType,
    config: descriptorOf(EMPTY),
    layers,
    ...(subject === undefined ? {} : { subject: descriptorOf(subject) }),
    ...(annotations === undefined ? {} : { annotations }),
  });
  return { artifactType, manifest, blobs: [EMPTY, ...blobs] };
}
