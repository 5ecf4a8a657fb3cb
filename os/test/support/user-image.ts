import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';

import {
  type Blob,
  blobOf,
  blobPath,
  descriptorOf,
  jsonBlob,
  MEDIA,
  ociDigest,
} from '../../src/build/formats/oci.ts';
import { tar } from '../../src/build/formats/tar.ts';
import { Tree } from '../../src/build/formats/tree.ts';
import { run } from '../../src/workstation/run.ts';
import { bytesOf, origin } from './trees.ts';

/** A file of the image, by which a test knows that it runs. */
export const SAYS = '/says';

export interface UserImage {
  /** Folder of the OCI layout. */
  readonly layout: string;
  readonly index: Blob;
  readonly manifest: Blob;
  readonly config: Blob;
  readonly layer: Blob;
}

/**
 * Writes an image as BuildKit saves it: a compressed layer, and an index over the architectures, of which the layout
 * has one.
 */
export async function writeUserImage(
  layout: string,
  program: string,
  { name, arch }: { name: string; arch: string },
): Promise<UserImage> {
  const tree = new Tree()
    .file('/program', 0o755, { bytes: await readFile(program) }, origin)
    .text(SAYS, 'a user’s image\n', origin);
  const plain = await bytesOf(tar(tree, 1_790_000_000));
  const layer = blobOf(`${MEDIA.layer}+gzip`, gzipSync(plain));
  const config = jsonBlob(MEDIA.config, {
    architecture: arch,
    os: 'linux',
    config: { Entrypoint: ['/program'] },
    rootfs: { type: 'layers', diff_ids: [ociDigest(plain)] },
  });
  const manifest = jsonBlob(MEDIA.manifest, {
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    config: descriptorOf(config),
    layers: [descriptorOf(layer)],
  });
  const elsewhere = { mediaType: MEDIA.manifest, digest: ociDigest('elsewhere'), size: 9 };
  const index = jsonBlob(MEDIA.index, {
    schemaVersion: 2,
    mediaType: MEDIA.index,
    manifests: [
      { ...elsewhere, platform: { os: 'linux', architecture: 's390x' } },
      { ...descriptorOf(manifest), platform: { os: 'linux', architecture: arch } },
    ],
  });
  await mkdir(path.join(layout, 'blobs/sha256'), { recursive: true });
  for (const { digest, content } of [index, manifest, config, layer])
    await writeFile(path.join(layout, blobPath(digest)), content);
  await writeFile(path.join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  const listed = {
    schemaVersion: 2,
    manifests: [{ ...descriptorOf(index), annotations: { 'io.containerd.image.name': name } }],
  };
  await writeFile(path.join(layout, 'index.json'), JSON.stringify(listed));
  return { layout, index, manifest, config, layer };
}

/** Makes an OCI archive of a layout. */
export async function archive(layout: string, file: string): Promise<string> {
  await run('tar', ['--create', '--file', file, '--directory', layout, '.']);
  return file;
}
