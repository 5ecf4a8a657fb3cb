import { randomBytes } from 'node:crypto';

import { readBolt, type ReadBucket } from '../../build/formats/bolt-reader.ts';
import { type Bucket, encodeBolt } from '../../build/formats/bolt.ts';
import { describeLayer, makeImage, ociDigest, type OciImage } from '../../build/formats/oci.ts';
import { chunksOf, sizeOf, Tree } from '../../build/formats/tree.ts';
import { LAYERS, makeStore, METADATA } from '../../build/store/store.ts';

const ORIGIN = { name: 'bench', version: '1', kind: 'kios' } as const;
const LAYERS_OF_IMAGE = 4;
const FILE_BYTES = 64 * 1024;

/** containerd's databases in its store. */
export const DATABASES = [METADATA, 'io.containerd.snapshotter.v1.overlayfs/metadata.db'] as const;

/** Makes an image that shares nothing with any other. */
async function makeOne(index: number, time: number): Promise<OciImage> {
  const layers = await Promise.all(
    Array.from({ length: LAYERS_OF_IMAGE }, async (_, layer) => {
      const tree = new Tree();
      tree.file(`/files/${layer}`, 0o644, { bytes: randomBytes(FILE_BYTES) }, ORIGIN);
      return describeLayer(tree, ociDigest(randomBytes(32)), FILE_BYTES);
    }),
  );
  const name = `registry.example/image-${index}:1`;
  return makeImage({ name, layers, entrypoint: ['/none'], env: [] }, 'amd64', time);
}

/** Returns a store, as files by path, of so many images, unpacked as a pull leaves them. */
export async function makeImages(count: number, time: number): Promise<Tree> {
  const images: OciImage[] = [];
  for (let index = 1; index <= count; index += 1) images.push(await makeOne(index, time));
  return makeStore(images, time, ORIGIN);
}

const isBucket = (value: Uint8Array | Bucket | undefined): value is Bucket =>
  value !== undefined && !(value instanceof Uint8Array);

/** Returns a bucket with the entries of both. Of two values under one key, `base`'s stays. */
export function mergeBuckets(base: Bucket, more: Bucket): Bucket {
  const entries = new Map(base.entries);
  for (const [key, value] of more.entries) {
    const known = entries.get(key);
    if (known === undefined) entries.set(key, value);
    else if (isBucket(known) && isBucket(value)) entries.set(key, mergeBuckets(known, value));
  }
  return { ...base, entries };
}

/** Returns a database as the writer takes it, with the counters of its buckets. */
export function readBucket(file: Buffer): Bucket {
  const { root, sequences } = readBolt(file);
  const convert = (bucket: ReadBucket, at: string): Bucket => ({
    sequence: Number(sequences.get(at) ?? 0n),
    entries: new Map(
      [...bucket].map(([key, value]): [string, Uint8Array | Bucket] => [
        key,
        value instanceof Map ? convert(value, `${at}/${key}`) : value,
      ]),
    ),
  });
  return convert(root, '');
}

/** Returns a database of a node's store with the records of the images of another. */
export const addRecords = (database: Buffer, more: Buffer): Buffer =>
  Buffer.from(encodeBolt(mergeBuckets(readBucket(database), readBucket(more))));

/** Returns the files of a store, by path, without its databases and what init alone reads. */
export async function filesOf(store: Tree): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  for (const [where, entry] of store.sorted()) {
    const isOfContainerd = where.startsWith(`/${LAYERS}/`) || where.includes('/blobs/');
    if (entry.type !== 'file' || !isOfContainerd) continue;
    const chunks: Uint8Array[] = [];
    for await (const chunk of chunksOf(entry.content, await sizeOf(entry.content)))
      chunks.push(chunk);
    files.set(where, Buffer.concat(chunks));
  }
  return files;
}

/** Returns the content of one file of a store. */
export async function fileIn(store: Tree, name: string): Promise<Buffer> {
  for (const [where, entry] of store.sorted()) {
    if (where !== `/${name}` || entry.type !== 'file') continue;
    const chunks: Uint8Array[] = [];
    for await (const chunk of chunksOf(entry.content, await sizeOf(entry.content)))
      chunks.push(chunk);
    return Buffer.concat(chunks);
  }
  throw new Error(`the store has no ${name}`);
}
