import { hash } from 'node:crypto';

import { sizeOf, type Tree } from './tree.ts';

/** Media types of OCI (image-spec v1.1, media-types.md). */
export const MEDIA = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
} as const;

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** A descriptor with the bytes that it describes. */
export interface Blob extends Descriptor {
  readonly content: Buffer;
}

/** A layer with the tree it is made from; its tar stream is a blob of the layout. */
export interface Layer {
  readonly tree: Tree;
  readonly descriptor: Descriptor;
  readonly inodes: number;
  readonly bytes: number;
}

/** An image before its digests are known. */
export interface ImageSpec {
  readonly name: string;
  readonly layers: readonly Layer[];
  readonly entrypoint: readonly string[];
  /** What a pod that names no arguments starts after the entry point. */
  readonly command?: readonly string[];
  readonly env: readonly string[];
  /** Number or name of the user; root without it. */
  readonly user?: string;
}

export interface OciImage {
  readonly name: string;
  readonly layers: readonly Layer[];
  readonly config: Blob;
  readonly manifest: Blob;
}

/** Returns the SHA-256 digest as OCI writes it. */
export const ociDigest = (bytes: Uint8Array | string): string => `sha256:${hash('sha256', bytes)}`;

/** Returns the reference that names an image by its content: a pull can never make it mean another image. */
export const referenceOf = ({ name, manifest }: Pick<OciImage, 'name' | 'manifest'>): string =>
  `${name}@${manifest.digest}`;

/** Returns the path of a blob in a layout. */
export const blobPath = (digest: string): string => `blobs/${digest.replace(':', '/')}`;

/** Describes bytes. */
export const blobOf = (mediaType: string, content: Buffer): Blob => ({
  mediaType,
  digest: ociDigest(content),
  size: content.length,
  content,
});

/** Encodes a value as JSON and describes it. */
export const jsonBlob = (mediaType: string, value: unknown): Blob =>
  blobOf(mediaType, Buffer.from(JSON.stringify(value)));

/** Returns a descriptor without anything else that its holder has. */
export const descriptorOf = ({ mediaType, digest, size }: Descriptor): Descriptor => ({
  mediaType,
  digest,
  size,
});

/** Describes the layer of a tree whose tar stream has this digest and size. */
export async function describeLayer(tree: Tree, digest: string, size: number): Promise<Layer> {
  const entries = tree.sorted();
  let bytes = 0;
  for (const [, entry] of entries) if (entry.type === 'file') bytes += await sizeOf(entry.content);
  return {
    tree,
    descriptor: { mediaType: MEDIA.layer, digest, size },
    inodes: entries.length + 1,
    bytes,
  };
}

/**
 * Makes the configuration and the manifest of an image for one architecture (OCI image-spec v1.1). Layers are not
 * compressed, so their digest is their diff id.
 */
export function makeImage(spec: ImageSpec, arch: string, time: number): OciImage {
  const { command, user } = spec;
  const config = jsonBlob(MEDIA.config, {
    created: new Date(time * 1000).toISOString(),
    architecture: arch,
    os: 'linux',
    config: {
      Env: spec.env,
      Entrypoint: spec.entrypoint,
      ...(command === undefined ? {} : { Cmd: command }),
      ...(user === undefined ? {} : { User: user }),
      WorkingDir: '/',
    },
    rootfs: { type: 'layers', diff_ids: spec.layers.map((layer) => layer.descriptor.digest) },
    history: spec.layers.map(() => ({
      created: new Date(time * 1000).toISOString(),
      created_by: 'kios build',
    })),
  });
  const manifest = jsonBlob(MEDIA.manifest, {
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    config: descriptorOf(config),
    layers: spec.layers.map((layer) => layer.descriptor),
  });
  return { name: spec.name, layers: spec.layers, config, manifest };
}

/**
 * Returns the files of a layout (OCI image-spec v1.1, image-layout.md) that holds `images`, by path, except the layers'
 * blobs.
 */
export function layoutFiles(
  images: readonly OciImage[],
  arch: string,
): Map<string, Uint8Array | string> {
  const manifests = images.map(({ name, manifest }) => ({
    ...descriptorOf(manifest),
    platform: { architecture: arch, os: 'linux' },
    annotations: {
      'io.containerd.image.name': name,
      'org.opencontainers.image.ref.name': name.split(':').at(-1),
    },
  }));
  const blobs = images.flatMap(({ config, manifest }) => [config, manifest]);
  return new Map<string, Uint8Array | string>([
    ...blobs.map(({ digest, content }) => [blobPath(digest), content] as const),
    ['oci-layout', JSON.stringify({ imageLayoutVersion: '1.0.0' })],
    ['index.json', JSON.stringify({ schemaVersion: 2, mediaType: MEDIA.index, manifests })],
  ]);
}
