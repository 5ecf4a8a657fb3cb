import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';

import { sha256 } from '../../workstation/digest.ts';
import type { Arch } from '../../workstation/paths.ts';
import { tar } from './tar.ts';
import { sizeOf, type Tree } from './tree.ts';

const MEDIA = {
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

/** A layer and where its files come from; the tar stream lies in the layout's blobs. */
export interface Layer {
  readonly tree: Tree;
  readonly descriptor: Descriptor;
  readonly inodes: number;
  readonly bytes: number;
}

/** What an image is, before it has digests. */
export interface ImageSpec {
  readonly name: string;
  readonly layers: readonly Layer[];
  readonly entrypoint: readonly string[];
  readonly env: readonly string[];
}

export interface OciImage {
  readonly name: string;
  readonly layers: readonly Layer[];
  readonly config: Descriptor & { readonly content: Buffer };
  readonly manifest: Descriptor & { readonly content: Buffer };
}

/** Digest as OCI writes it. */
export const ociDigest = (bytes: Uint8Array | string): string => `sha256:${sha256(bytes)}`;

const blobPath = (layout: string, digest: string): string =>
  path.join(layout, 'blobs', digest.replace(':', '/'));

const json = (mediaType: string, value: unknown): Descriptor & { content: Buffer } => {
  const content = Buffer.from(JSON.stringify(value));
  return { mediaType, digest: ociDigest(content), size: content.length, content };
};

const descriptorOf = ({ mediaType, digest, size }: Descriptor): Descriptor => ({
  mediaType,
  digest,
  size,
});

/** Makes a layer of a tree and writes its tar stream into the OCI layout. Equal trees give equal digests. */
export async function makeLayer(layout: string, tree: Tree, time: number): Promise<Layer> {
  const scratch = path.join(layout, 'blobs', `layer.${randomUUID()}.tmp`);
  await mkdir(path.join(layout, 'blobs/sha256'), { recursive: true });
  const hash = createHash('sha256');
  let size = 0;
  await pipeline(
    tar(tree, time),
    async function* (chunks: AsyncIterable<Uint8Array>) {
      for await (const chunk of chunks) {
        hash.update(chunk);
        size += chunk.length;
        yield chunk;
      }
    },
    createWriteStream(scratch),
  );
  const digest = `sha256:${hash.digest('hex')}`;
  await rename(scratch, blobPath(layout, digest));
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

/** OCI image configuration and manifest for one architecture (image-spec v1.1). Layers are not compressed: their digest is their diff id. */
export function makeImage(spec: ImageSpec, arch: Arch, time: number): OciImage {
  const config = json(MEDIA.config, {
    created: new Date(time * 1000).toISOString(),
    architecture: arch,
    os: 'linux',
    config: { Env: spec.env, Entrypoint: spec.entrypoint, WorkingDir: '/' },
    rootfs: { type: 'layers', diff_ids: spec.layers.map((layer) => layer.descriptor.digest) },
    history: spec.layers.map(() => ({
      created: new Date(time * 1000).toISOString(),
      created_by: 'kios build',
    })),
  });
  const manifest = json(MEDIA.manifest, {
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    config: descriptorOf(config),
    layers: spec.layers.map((layer) => layer.descriptor),
  });
  return { name: spec.name, layers: spec.layers, config, manifest };
}

/** Writes an OCI image layout (image-spec v1.1, image-layout.md) that holds `images`, each under its name. */
export async function writeLayout(
  layout: string,
  images: readonly OciImage[],
  arch: Arch,
): Promise<void> {
  for (const { config, manifest } of images)
    for (const blob of [config, manifest])
      await writeFile(blobPath(layout, blob.digest), blob.content);
  const manifests = images.map(({ name, manifest }) => ({
    ...descriptorOf(manifest),
    platform: { architecture: arch, os: 'linux' },
    annotations: {
      'io.containerd.image.name': name,
      'org.opencontainers.image.ref.name': name.split(':').at(-1),
    },
  }));
  await writeFile(path.join(layout, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  await writeFile(
    path.join(layout, 'index.json'),
    JSON.stringify({ schemaVersion: 2, mediaType: MEDIA.index, manifests }),
  );
}

/** Removes a layout so that blobs of former builds do not pile up. */
export const clearLayout = async (layout: string): Promise<void> =>
  rm(layout, { recursive: true, force: true });
