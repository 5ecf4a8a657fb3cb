import { type Bucket } from '../formats/bolt.ts';

/**
 * containerd's two databases for images whose layers are unpacked already, as containerd 2.4 writes them
 * (core/metadata/buckets.go, core/snapshots/storage/bolt.go). A test imports the same images into the real containerd
 * and compares the databases.
 */

/** The namespace of kubelet's images. */
export const NAMESPACE = 'k8s.io';
export const SNAPSHOTTER = 'overlayfs';

/**
 * The lowest number of a shipped layer. containerd numbers the layers that it unpacks from 1, so on a node neither ever
 * gets a number of the other.
 */
const FIRST_ID = 2 ** 52;
/** Hexadecimal digits of a ChainID that are added to it. The sum stays a whole number in JavaScript. */
const ID_DIGITS = 13;

/**
 * The record of a snapshot without files. Init mounts the folder of all shipped layers in its place
 * (docs/host-api.md section 5), and containerd removes every folder that has no record.
 */
const SHIPPED_LAYERS: Snapshot = {
  id: FIRST_ID - 1,
  chainId: 'kios-shipped-layers',
  inodes: 0,
  bytes: 0,
};
/** Garbage collection begins at what has this label, whatever its value (core/metadata/gc.go). */
const KEPT_LABELS = { 'containerd.io/gc.root': 'kios.dev/shipped' };

/** Returns a layer's number: the same in every image of the system that ships it, so that its records can stay. */
export const snapshotId = (chainId: string): number =>
  FIRST_ID + Number.parseInt(chainId.replace('sha256:', '').slice(0, ID_DIGITS), 16);

/** An unpacked layer with its ChainID (OCI image-spec, config.md). Its files are in `snapshots/<id>/fs`. */
export interface Snapshot {
  readonly id: number;
  readonly chainId: string;
  readonly parent?: Snapshot;
  readonly inodes: number;
  readonly bytes: number;
}

export interface Blob {
  readonly digest: string;
  readonly size: number;
  readonly labels: Readonly<Record<string, string>>;
}

/** A name that points at a manifest: one such as `kios.invalid/dhcp:1.2.3`, or an image id for the CRI. */
export interface Image {
  readonly name: string;
  readonly digest: string;
  readonly mediaType: string;
  readonly size: number;
}

const text = (value: string): Uint8Array => Buffer.from(value, 'utf8');
/** Keys are bytes in latin1. The names here are ASCII, which is the same in UTF-8. */
const bucket = (entries: Iterable<readonly [string, Uint8Array | Bucket]>): Bucket => ({
  entries: new Map(entries),
});

/** Encodes like Go's encoding/binary.PutUvarint. */
function uvarint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Uint8Array.from([...bytes, rest]);
}

/** Encodes like Go's encoding/binary.PutVarint; the number must not be negative. */
const varint = (value: number): Uint8Array => uvarint(value * 2);

/**
 * Encodes like Go's time.Time.MarshalBinary: version 1, seconds since year 1, nanoseconds, zone in minutes (-1 is UTC).
 */
export function goTime(unixSeconds: number): Uint8Array {
  const bytes = Buffer.alloc(15);
  bytes.writeUInt8(1, 0);
  bytes.writeBigInt64BE(BigInt(unixSeconds) + 62_135_596_800n, 1);
  bytes.writeInt16BE(-1, 13);
  return bytes;
}

const stamps = (time: number): [string, Uint8Array][] => [
  ['createdat', goTime(time)],
  ['updatedat', goTime(time)],
];

const labelled = (labels: Readonly<Record<string, string>>): [string, Bucket][] =>
  Object.keys(labels).length === 0
    ? []
    : [
        [
          'labels',
          bucket(Object.entries(labels).map(([key, value]) => [key, text(value)] as const)),
        ],
      ];

/** The CRI plugin manages the image; `pinned` keeps kubelet's garbage collection away from it. */
const CRI_LABELS = { 'io.cri-containerd.image': 'managed', 'io.cri-containerd.pinned': 'pinned' };

/** Its value is the digest that the system's image gave the name. A pull that moves the name leaves it as it is. */
const SHIPPED_LABEL = 'kios.dev/shipped';

const imageBucket = (image: Image, time: number): Bucket =>
  bucket([
    ...stamps(time),
    ...labelled({ ...CRI_LABELS, [SHIPPED_LABEL]: image.digest }),
    [
      'target',
      bucket([
        ['digest', text(image.digest)],
        ['mediatype', text(image.mediaType)],
        ['size', varint(image.size)],
      ]),
    ],
  ]);

const blobBucket = (blob: Blob, time: number): Bucket =>
  bucket([...stamps(time), ...labelled(blob.labels), ['size', varint(blob.size)]]);

/** Returns a snapshot's name in the snapshotter, below the metadata layer (core/metadata/snapshot.go createKey). */
const backendName = (snapshot: Snapshot): string =>
  `${NAMESPACE}/${snapshot.id}/${snapshot.chainId}`;

function snapshotBucket(snapshot: Snapshot, all: readonly Snapshot[], time: number): Bucket {
  const children = all.filter((other) => other.parent?.id === snapshot.id);
  return bucket([
    ...stamps(time),
    ...labelled(snapshot === SHIPPED_LAYERS ? KEPT_LABELS : {}),
    ['name', text(backendName(snapshot))],
    ...(snapshot.parent === undefined ? [] : [['parent', text(snapshot.parent.chainId)] as const]),
    ...(children.length === 0
      ? []
      : [
          ['children', bucket(children.map((child) => [child.chainId, new Uint8Array()]))] as const,
        ]),
  ]);
}

const SCHEMA = 4;

export interface StoreContent {
  readonly images: readonly Image[];
  readonly blobs: readonly Blob[];
  readonly snapshots: readonly Snapshot[];
  /** Seconds since the epoch. */
  readonly time: number;
}

/** Returns the content of `io.containerd.metadata.v1.bolt/meta.db`. */
export function metadataDatabase({ images, blobs, snapshots, time }: StoreContent): Bucket {
  const namespace = bucket([
    ['images', bucket(images.map((image) => [image.name, imageBucket(image, time)]))],
    [
      'content',
      bucket([['blob', bucket(blobs.map((blob) => [blob.digest, blobBucket(blob, time)]))]]),
    ],
    [
      'snapshots',
      bucket([
        [
          SNAPSHOTTER,
          bucket(
            [...snapshots, SHIPPED_LAYERS].map((snapshot) => [
              snapshot.chainId,
              snapshotBucket(snapshot, snapshots, time),
            ]),
          ),
        ],
      ]),
    ],
  ]);
  return bucket([
    [
      'v1',
      bucket([
        ['version', varint(SCHEMA)],
        [NAMESPACE, namespace],
      ]),
    ],
  ]);
}

/** snapshots.KindCommitted. */
const COMMITTED = 3;

/** Returns a key of the parents bucket: parent id, zero byte, child id (storage/bolt.go parentKey). */
const parentKey = (parent: number, child: number): string =>
  Buffer.concat([uvarint(parent), Uint8Array.of(0), uvarint(child)]).toString('latin1');

/** Returns the content of `io.containerd.snapshotter.v1.overlayfs/metadata.db`. */
export function snapshotterDatabase({ snapshots, time }: StoreContent): Bucket {
  const entries = [...snapshots, SHIPPED_LAYERS].map((snapshot): [string, Bucket] => [
    backendName(snapshot),
    bucket([
      ['id', uvarint(snapshot.id)],
      ['kind', Uint8Array.of(COMMITTED)],
      ...(snapshot.parent === undefined
        ? []
        : [['parent', text(backendName(snapshot.parent))] as const]),
      ...stamps(time),
      ['inodes', varint(snapshot.inodes)],
      ['size', varint(snapshot.bytes)],
    ]),
  ]);
  const parents = snapshots.flatMap((snapshot) =>
    snapshot.parent === undefined
      ? []
      : [[parentKey(snapshot.parent.id, snapshot.id), text(backendName(snapshot))] as const],
  );
  return bucket([
    [
      'v1',
      bucket([
        ['snapshots', bucket(entries)],
        ['parents', bucket(parents)],
      ]),
    ],
  ]);
}
