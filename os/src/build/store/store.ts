import { createHash } from 'node:crypto';

import { encodeBolt } from '../formats/bolt.ts';
import { ociDigest, type OciImage, referenceOf } from '../formats/oci.ts';
import { type Content, type Origin, Tree } from '../formats/tree.ts';
import {
  type Blob,
  type Image,
  metadataDatabase,
  type Snapshot,
  snapshotId,
  SNAPSHOTTER,
  snapshotterDatabase,
} from './containerd.ts';

/** Path of the store in the root (docs/host-api.md section 5). */
export const STORE = '/lib/kios/store';

/** Folder of manifests and configurations in the store, each named by its SHA-256. */
export const BLOBS = 'io.containerd.content.v1.content/blobs/sha256';
/** containerd's own database in the store. */
export const METADATA = 'io.containerd.metadata.v1.bolt/meta.db';
/** Folder of the unpacked layers in the store; layer `n` lies in `n/fs`. */
export const LAYERS = `io.containerd.snapshotter.v1.${SNAPSHOTTER}/snapshots`;

interface Planned {
  readonly snapshots: Snapshot[];
  /** Files of each snapshot, by its number. */
  readonly trees: Map<number, Tree>;
  readonly blobs: Blob[];
  readonly images: Image[];
}

/** A blob with its labels, by which containerd's garbage collection finds what it leads to. */
export interface StoredBlob extends Blob {
  readonly content: Content;
}

/** A user's image as a pull leaves it, but for its layers: containerd unpacks them when a pod first needs them. */
export interface PreloadedImage {
  readonly names: readonly string[];
  readonly target: Omit<Image, 'name'>;
  readonly blobs: readonly StoredBlob[];
  readonly origin: Origin;
}

/** Returns the ChainID of a layer (OCI image-spec config.md, "Layer ChainID"). */
export const chainIdOf = (parent: string | undefined, diffId: string): string =>
  parent === undefined ? diffId : ociDigest(`${parent} ${diffId}`);

function planSnapshots(image: OciImage, plan: Planned): Snapshot | undefined {
  let parent: Snapshot | undefined;
  for (const layer of image.layers) {
    const chainId = chainIdOf(parent?.chainId, layer.descriptor.digest);
    const known = plan.snapshots.find((snapshot) => snapshot.chainId === chainId);
    const id = snapshotId(chainId);
    const { inodes, bytes } = layer;
    const snapshot: Snapshot = known ?? {
      id,
      chainId,
      inodes,
      bytes,
      ...(parent === undefined ? {} : { parent }),
    };
    if (known === undefined) {
      if (plan.trees.has(id)) throw new Error(`${image.name}: another layer has the number ${id}`);
      plan.snapshots.push(snapshot);
      plan.trees.set(id, layer.tree);
    }
    parent = snapshot;
  }
  return parent;
}

/**
 * Returns the names under which containerd's CRI plugin finds an image. A pull can move a name with a tag, and that one
 * only. The plugin opens an image by the first of its names in the order of this list, so no pull changes what a static
 * pod runs, not even between the plugin's two updates. The plugin knows the image's id, by which kubelet creates
 * containers, from any of the names; each name that it reads lengthens containerd's start.
 */
function namesOf(image: OciImage): string[] {
  const { name, manifest } = image;
  return [
    // As manifests say it. The plugin drops the tag of a reference that it looks up, so no pull reaches this name.
    referenceOf(image),
    // For people, and for pods that do not know the digest.
    name,
    // What the plugin looks up for the first.
    `${name.replace(/:[^/:]*$/, '')}@${manifest.digest}`,
  ];
}

function planImage(image: OciImage, plan: Planned): void {
  const top = planSnapshots(image, plan);
  const { config, manifest } = image;
  plan.blobs.push({
    digest: manifest.digest,
    size: manifest.size,
    labels: { 'containerd.io/gc.ref.content.config': config.digest },
  });
  plan.blobs.push({
    digest: config.digest,
    size: config.size,
    labels:
      top === undefined ? {} : { [`containerd.io/gc.ref.snapshot.${SNAPSHOTTER}`]: top.chainId },
  });
  const target = { digest: manifest.digest, mediaType: manifest.mediaType, size: manifest.size };
  for (const name of namesOf(image)) plan.images.push({ name, ...target });
}

const blobFile = (digest: string): string => `${BLOBS}/${digest.slice('sha256:'.length)}`;

/** Plans a user's image. Of blobs that a shipped one has too, the labels are those of the shipped one. */
function planPreloaded({ names, target, blobs }: PreloadedImage, plan: Planned): void {
  const there = new Set(plan.blobs.map(({ digest }) => digest));
  plan.blobs.push(...blobs.filter(({ digest }) => !there.has(digest)));
  plan.images.push(...names.map((name) => ({ name, ...target })));
}

/**
 * Makes containerd's store as it is after an import of `images`, as files below `STORE`. Layer blobs are left out,
 * because their content is unpacked already. `preloaded` images have theirs and are not unpacked.
 */
export function makeStore(
  images: readonly OciImage[],
  time: number,
  origin: Origin,
  preloaded: readonly PreloadedImage[] = [],
): Tree {
  const plan: Planned = { snapshots: [], trees: new Map(), blobs: [], images: [] };
  for (const image of images) planImage(image, plan);
  for (const image of preloaded) planPreloaded(image, plan);
  const tree = new Tree();
  const put = (name: string, content: Content, of: Origin): unknown =>
    tree.file(`/${name}`, 0o444, content, of);
  const add = (name: string, bytes: Uint8Array): unknown => put(name, { bytes }, origin);
  for (const image of preloaded)
    for (const { digest, content } of image.blobs) put(blobFile(digest), content, image.origin);
  for (const { config, manifest } of images)
    for (const { digest, content } of [config, manifest]) add(blobFile(digest), content);
  for (const [id, layer] of plan.trees) tree.graft(`/${LAYERS}/${id}/fs`, layer);
  const databases = {
    [METADATA]: encodeBolt(metadataDatabase({ ...plan, time })),
    [`io.containerd.snapshotter.v1.${SNAPSHOTTER}/metadata.db`]: encodeBolt(
      snapshotterDatabase({ ...plan, time }),
    ),
  };
  const id = createHash('sha256');
  for (const [name, bytes] of Object.entries(databases)) {
    add(name, bytes);
    id.update(bytes);
  }
  const blobs = plan.blobs.map((blob) => blob.digest).toSorted();
  const description = {
    v: 1,
    id: `sha256:${id.digest('hex')}`,
    blobs,
    snapshots: plan.snapshots.map(({ id }) => id),
  };
  add('store.json', Buffer.from(JSON.stringify(description)));
  return tree;
}
