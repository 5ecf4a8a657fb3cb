import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import * as v from 'valibot';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { type ReadBucket, readBolt } from '../../../../src/build/formats/bolt-reader.ts';
import { makeImage, type OciImage } from '../../../../src/build/formats/oci.ts';
import { Tree } from '../../../../src/build/formats/tree.ts';
import { writeLayer } from '../../../../src/build/image/oci-layout.ts';
import { goTime, snapshotId } from '../../../../src/build/store/containerd.ts';
import { makeStore } from '../../../../src/build/store/store.ts';
import { origin } from '../../../support/trees.ts';

const TIME = 1_700_000_000;
const SNAPSHOTS = '/io.containerd.snapshotter.v1.overlayfs/snapshots';
const Description = v.strictObject({
  v: v.literal(1),
  id: v.pipe(v.string(), v.regex(/^sha256:[0-9a-f]{64}$/)),
  blobs: v.array(v.string()),
  snapshots: v.array(v.number()),
});

let layout = '';
let images: OciImage[] = [];

const layer = (tree: Tree) => writeLayer(layout, tree, TIME);

async function makeImages(text: string): Promise<OciImage[]> {
  const base = await layer(new Tree().text('/etc/base', 'base', origin));
  const image = async (name: string, ...trees: Tree[]): Promise<OciImage> =>
    makeImage(
      {
        name,
        layers: [base, ...(await Promise.all(trees.map(layer)))],
        entrypoint: ['/run'],
        env: [],
      },
      'amd64',
      TIME,
    );
  return [
    await image('kios.invalid/one:1', new Tree().text('/one', text, origin)),
    await image('kios.invalid/two:1', new Tree().text('/two', '2', origin)),
  ];
}

beforeAll(async () => {
  layout = await mkdtemp(path.join(tmpdir(), 'kios-store-'));
  images = await makeImages('1');
});
afterAll(() => rm(layout, { recursive: true }));

function fileOf(store: Tree, where: string): Buffer {
  const entry = new Map(store.sorted()).get(where);
  if (entry?.type !== 'file' || !('bytes' in entry.content)) throw new Error(`no file ${where}`);
  return Buffer.from(entry.content.bytes);
}

const describeStore = (store: Tree) =>
  v.parse(Description, JSON.parse(fileOf(store, '/store.json').toString()));

/** ChainIDs of an image's two layers, computed as the OCI image-spec says. */
function chainsOf(image: OciImage): [string, string] {
  const [first, second] = image.layers.map((layer) => layer.descriptor.digest);
  const chain = createHash('sha256').update(`${first} ${second}`).digest('hex');
  return [first!, `sha256:${chain}`];
}

it('unpacks each layer once, even when several images share it', () => {
  const store = makeStore(images, TIME, origin);
  const [base, one, two] = [...chainsOf(images[0]!), chainsOf(images[1]!)[1]].map(snapshotId);
  expect(describeStore(store).snapshots).toEqual([base, one, two]);
  for (const [id, file] of [
    [base, 'etc/base'],
    [one, 'one'],
    [two, 'two'],
  ])
    expect(store.has(`${SNAPSHOTS}/${id}/fs/${file}`)).toBe(true);
});

it.each([
  [`sha256:${'0'.repeat(64)}`, 2 ** 52],
  [`sha256:${'0'.repeat(12)}1${'f'.repeat(51)}`, 2 ** 52 + 1],
  [`sha256:${'f'.repeat(64)}`, Number.MAX_SAFE_INTEGER],
])('numbers the layer %s beyond all that containerd will count to', (chain, id) => {
  expect(snapshotId(chain)).toBe(id);
});

it('gives a layer the same number beside other images', async () => {
  const more = await makeImages('another system');
  const [before, after] = [images, more].map(
    (all) => describeStore(makeStore(all, TIME, origin)).snapshots,
  );
  const [base, , two] = before!;
  expect(after).toEqual([base, expect.any(Number), two]);
  expect(after![1]).not.toBe(before![1]);
});

it('names a snapshot by the ChainID of its layers', () => {
  const { root } = readBolt(
    fileOf(makeStore(images, TIME, origin), '/io.containerd.snapshotter.v1.overlayfs/metadata.db'),
  );
  const [first, second] = chainsOf(images[0]!);
  expect(JSON.stringify([...root.keys()])).toBe('["v1"]');
  const v1 = root.get('v1');
  const snapshots = v1 instanceof Map ? v1.get('snapshots') : undefined;
  const names = snapshots instanceof Map ? [...snapshots.keys()] : [];
  for (const chain of [first, second])
    expect(names).toContain(`k8s.io/${snapshotId(chain)}/${chain}`);
});

it('names an image with tag and digest, with tag, and with digest', () => {
  const { root } = readBolt(
    fileOf(makeStore(images, TIME, origin), '/io.containerd.metadata.v1.bolt/meta.db'),
  );
  const names = ['v1', 'k8s.io', 'images'].reduce<ReadBucket>((bucket, key) => {
    const inner = bucket.get(key);
    return inner instanceof Map ? inner : new Map();
  }, root);
  const wanted = images.flatMap(({ name, manifest: { digest } }) => [
    `${name}@${digest}`,
    name,
    `${name.replace(':1', '')}@${digest}`,
  ]);
  expect([...names.keys()].toSorted()).toEqual(wanted.toSorted());
});

it('holds manifests and configurations under their digests, and no layers', () => {
  const store = makeStore(images, TIME, origin);
  const { blobs } = describeStore(store);
  const digests = images.flatMap(({ config, manifest }) => [config.digest, manifest.digest]);
  expect(blobs).toEqual(digests.toSorted());
  for (const digest of blobs) {
    const content = fileOf(
      store,
      `/io.containerd.content.v1.content/blobs/${digest.replace(':', '/')}`,
    );
    expect(`sha256:${createHash('sha256').update(content).digest('hex')}`).toBe(digest);
  }
});

it('has one id for equal images and another one when a file of an image differs', async () => {
  const { id } = describeStore(makeStore(images, TIME, origin));
  expect(describeStore(makeStore(await makeImages('1'), TIME, origin)).id).toBe(id);
  expect(describeStore(makeStore(await makeImages('other'), TIME, origin)).id).not.toBe(id);
});

it.each([
  // time.Unix(n, 0).UTC().MarshalBinary()
  [0, '010000000e7791f70000000000ffff'],
  [1_700_000_000, '010000000edce5e80000000000ffff'],
])('encodes %i seconds as Go does', (seconds, bytes) => {
  expect(Buffer.from(goTime(seconds)).toString('hex')).toBe(bytes);
});
