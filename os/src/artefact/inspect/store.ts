import * as v from 'valibot';

import { type ReadBucket, readBolt } from '../../build/formats/bolt-reader.ts';
import { ociDigest } from '../../build/formats/oci.ts';
import { NAMESPACE, SNAPSHOTTER } from '../../build/store/containerd.ts';
import { BLOBS, chainIdOf, LAYERS, METADATA, STORE } from '../../build/store/store.ts';
import type { InspectedImage } from './model.ts';

const Manifest = v.object({ config: v.object({ digest: v.string() }) });
const Config = v.object({
  config: v.optional(v.object({ Entrypoint: v.optional(v.array(v.string()), []) })),
  rootfs: v.object({ diff_ids: v.array(v.string()) }),
});

/** Reads one file of the root; undefined when there is none. */
export type ReadFile = (file: string) => Promise<Buffer | undefined>;

const json = <T extends v.GenericSchema>(schema: T, bytes: Buffer): v.InferOutput<T> =>
  v.parse(v.pipe(v.string(), v.parseJson(), schema), bytes.toString('utf8'));

function bucketAt(root: ReadBucket, ...keys: readonly string[]): ReadBucket {
  let bucket = root;
  for (const key of keys) {
    const next = bucket.get(key);
    if (!(next instanceof Map)) return new Map();
    bucket = next;
  }
  return bucket;
}

const textOf = (value: Buffer | ReadBucket | undefined): string =>
  value instanceof Buffer ? value.toString('utf8') : '';

/** Maps a layer's ChainID to the number of the folder that holds its files. */
function snapshotNumbers(database: ReadBucket): Map<string, number> {
  const names = bucketAt(database, 'v1', NAMESPACE, 'snapshots', SNAPSHOTTER);
  return new Map(
    [...names].map(([chainId, snapshot]) => {
      const name = snapshot instanceof Map ? textOf(snapshot.get('name')) : '';
      return [chainId, Number(name.split('/')[1])] as const;
    }),
  );
}

interface ImageSource {
  readonly manifest: string;
  readonly numbers: ReadonlyMap<string, number>;
  readonly read: ReadFile;
}

async function readImage(
  name: string,
  digest: string,
  { manifest, numbers, read }: ImageSource,
): Promise<InspectedImage> {
  const blob = async (of: string): Promise<Buffer> => {
    const bytes = await read(`${STORE}/${BLOBS}/${of.replace('sha256:', '')}`);
    if (bytes === undefined) throw new Error(`${name}: the store lacks ${of}`);
    if (ociDigest(bytes) !== of) throw new Error(`${name}: ${of} has another content`);
    return bytes;
  };
  const { config } = json(Manifest, await blob(manifest));
  const { config: run, rootfs } = json(Config, await blob(config.digest));
  let chain: string | undefined;
  const layers = rootfs.diff_ids.map((layer) => {
    chain = chainIdOf(chain, layer);
    const snapshot = numbers.get(chain);
    return { digest: layer, ...(snapshot === undefined ? {} : { snapshot }) };
  });
  return { name, digest, entrypoint: run?.Entrypoint ?? [], layers };
}

/** containerd's label of an index that names the one manifest that is there. */
const CHOSEN = 'containerd.io/gc.ref.content.m.0';

/** Returns the digest of the manifest to which that of an image leads. */
function manifestOf(database: ReadBucket, digest: string): string {
  const labels = bucketAt(database, 'v1', NAMESPACE, 'content', 'blob', digest, 'labels');
  const chosen = textOf(labels.get(CHOSEN));
  return chosen === '' ? digest : manifestOf(database, chosen);
}

const digestOf = (image: Buffer | ReadBucket): string =>
  image instanceof Map ? textOf(bucketAt(image, 'target').get('digest')) : '';

/** Reads the images of containerd's store, each by the name that people know. */
export async function readImages(read: ReadFile): Promise<InspectedImage[]> {
  const file = await read(`${STORE}/${METADATA}`);
  if (file === undefined) return [];
  const { root } = readBolt(file);
  const numbers = snapshotNumbers(root);
  const all = [...bucketAt(root, 'v1', NAMESPACE, 'images')].map(
    ([name, image]) => [name, digestOf(image)] as const,
  );
  const tagged = all.filter(([name]) => !name.includes('@'));
  // A user's image that was asked for by its digest has no other name.
  const others = all.filter(([, digest]) => !tagged.some(([, other]) => other === digest));
  return Promise.all(
    [...tagged, ...others].map(([name, digest]) =>
      readImage(name, digest, { manifest: manifestOf(root, digest), numbers, read }),
    ),
  );
}

const IN_LAYER = new RegExp(`^${STORE}/${LAYERS.replaceAll('.', String.raw`\.`)}/(\\d+)/fs/`);

/** Returns the number of the layer that a file of the root belongs to; undefined for a file of the host. */
export function layerOf(file: string): number | undefined {
  const number = IN_LAYER.exec(file)?.[1];
  return number === undefined ? undefined : Number(number);
}
