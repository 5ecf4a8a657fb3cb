import { copyFile, link, mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { errorCode } from '@kios/errors';

import {
  type Blob,
  blobPath,
  type Descriptor,
  descriptorOf,
  MEDIA,
} from '../../build/formats/oci.ts';

/** Links a file, or copies it from another file system. A file that is there has the same content. */
async function linkOrCopy(from: string, to: string): Promise<void> {
  await link(from, to).catch(async (error: unknown) => {
    const code = errorCode(error);
    if (code === 'EEXIST') return;
    if (code !== 'EXDEV') throw error;
    await copyFile(from, to);
  });
}

/** The OCI layout that everything is sent from. */
export class Layout {
  readonly dir: string;
  readonly #manifests = new Map<string, Descriptor>();
  readonly #sizes = new Map<string, number>();

  private constructor(dir: string) {
    this.dir = dir;
  }

  /** Makes an empty layout in the place of what an earlier run left. */
  static async create(dir: string): Promise<Layout> {
    await rm(dir, { recursive: true, force: true });
    await mkdir(path.join(dir, 'blobs/sha256'), { recursive: true });
    await writeFile(path.join(dir, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
    return new Layout(dir);
  }

  remove = (): Promise<void> => rm(this.dir, { recursive: true, force: true });

  /** Returns the path of a blob. */
  fileOf = (digest: string): string => path.join(this.dir, blobPath(digest));

  /** Returns the size of a blob by the first digits of its digest. */
  sizeOf = (prefix: string): number => this.#sizes.get(prefix) ?? 0;

  #know({ digest, size }: Descriptor): void {
    this.#sizes.set(digest.slice('sha256:'.length).slice(0, SHORT), size);
  }

  /** Takes a blob of another layout over, without a copy, so that a build may remove its own. */
  async take(blob: Descriptor, from: string): Promise<void> {
    this.#know(blob);
    await linkOrCopy(path.join(from, blobPath(blob.digest)), this.fileOf(blob.digest));
  }

  /** Notes a blob that is there already. */
  has(blob: Descriptor): void {
    this.#know(blob);
  }

  async add(...blobs: readonly Blob[]): Promise<void> {
    for (const blob of blobs) {
      this.#know(blob);
      await writeFile(this.fileOf(blob.digest), blob.content);
    }
  }

  /** Lists manifests, which can only then be sent. */
  async list(...manifests: readonly Descriptor[]): Promise<void> {
    for (const manifest of manifests) this.#manifests.set(manifest.digest, descriptorOf(manifest));
    const index = {
      schemaVersion: 2,
      mediaType: MEDIA.index,
      manifests: [...this.#manifests.values()],
    };
    await writeFile(path.join(this.dir, 'index.json'), JSON.stringify(index));
  }
}

/** Digits of a digest in the output of oras. */
export const SHORT = 12;
