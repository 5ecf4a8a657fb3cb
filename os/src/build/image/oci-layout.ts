import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';

import type { Arch } from '../../workstation/paths.ts';
import { blobPath, describeLayer, type Layer, layoutFiles, type OciImage } from '../formats/oci.ts';
import { tar } from '../formats/tar.ts';
import type { Tree } from '../formats/tree.ts';

/** Writes a tree as a layer into an OCI layout. Equal trees give equal digests. */
export async function writeLayer(layout: string, tree: Tree, time: number): Promise<Layer> {
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
  await rename(scratch, path.join(layout, blobPath(digest)));
  return describeLayer(tree, digest, size);
}

/** Completes a layout that already holds the layers of `images`. */
export async function writeLayout(
  layout: string,
  images: readonly OciImage[],
  arch: Arch,
): Promise<void> {
  for (const [file, content] of layoutFiles(images, arch))
    await writeFile(path.join(layout, file), content);
}

/** Removes a layout, so that blobs of earlier builds do not pile up. */
export const clearLayout = async (layout: string): Promise<void> =>
  rm(layout, { recursive: true, force: true });
