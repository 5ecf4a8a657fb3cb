import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { requireRoot } from '@kios/testkit';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';

import { type ReadBucket, readBolt } from '../../src/build/formats/bolt-reader.ts';
import { makeImage, type OciImage, referenceOf } from '../../src/build/formats/oci.ts';
import { type Origin, Tree } from '../../src/build/formats/tree.ts';
import { writeLayer, writeLayout } from '../../src/build/image/oci-layout.ts';
import { buildUpstream } from '../../src/build/sources/upstream/build.ts';
import { snapshotId } from '../../src/build/store/containerd.ts';
import { chainIdOf, makeStore } from '../../src/build/store/store.ts';
import { workstationArch } from '../../src/workstation/arch.ts';
import { silent } from '../../src/workstation/progress.ts';
import { run } from '../../src/workstation/run.ts';
import { BLOBS, Containerd, LAYERS, META, SNAPSHOTTER, unpack } from '../support/containerd.ts';

/**
 * os/src/build/store writes the layout of containerd's own store. These tests import the same images into the image's
 * containerd and compare both, by containerd's own reports and key by key in the databases, so that they notice an
 * upgrade that changes it.
 */

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

const TIME = 1_790_000_000;
const origin: Origin = { name: 'test', version: '1', kind: 'kios' };

let home = '';
let programs = { containerd: '', ctr: '' };

/** Two images over a common layer. */
async function makeImages(layout: string): Promise<OciImage[]> {
  const layer = (tree: Tree) => writeLayer(layout, tree, TIME);
  const base = await layer(
    new Tree().text('/etc/shared', 'from the base\n', origin).symlink('/link', 'etc/shared'),
  );
  const image = async (name: string, ...trees: Tree[]): Promise<OciImage> =>
    makeImage(
      {
        name: `kios.invalid/${name}:1`,
        layers: [base, ...(await Promise.all(trees.map(layer)))],
        entrypoint: ['/run'],
        env: ['PATH=/'],
      },
      workstationArch(),
      TIME,
    );
  const images = [
    await image('one', new Tree().file('/run', 0o755, { bytes: Buffer.alloc(70_000, 1) }, origin)),
    await image(
      'two',
      new Tree().text('/etc/own', 'of two\n', origin).directory('/tmp', 0o1777),
      new Tree().text('/etc/shared', 'replaced\n', origin),
    ),
  ];
  await writeLayout(layout, images, workstationArch());
  return images;
}

/** Names of an image that hold its digest; an import gives it neither, but its id in their place. */
const namesByDigest = (image: OciImage): string[] => [
  referenceOf(image),
  referenceOf(image).replace(':1@', '@'),
];
/** Two images, each with a name with a tag and two with its digest. */
const NAMES = 6;

/** The record of the folder in which the shipped layers are mounted, which an import does not make. */
const SHIPPED_LAYERS = 'kios-shipped-layers';

/** Returns the lines of a table of ctr without heading and that record, sorted, with single spaces. */
const table = (text: string): string[] =>
  text
    .trim()
    .split('\n')
    .slice(1)
    .filter((line) => !line.startsWith(SHIPPED_LAYERS))
    .map((line) => line.trim().replaceAll(/\s+/g, ' '))
    .toSorted();

/** Returns containerd's own description of its store. */
async function describeStore({ ctr }: Containerd) {
  const contents = table(await ctr('content', 'ls'));
  const usage = table(await ctr('snapshots', 'usage', '-b'));
  return {
    // Every image of ours is pinned, so that kubelet's garbage collection leaves it alone, and says whose it is.
    images: table(await ctr('images', 'ls')).map((line) =>
      line.replace(/,io\.cri-containerd\.pinned=pinned|,kios\.dev\/shipped=sha256:\w+/g, ''),
    ),
    checks: table(await ctr('images', 'check')),
    contents: contents.map((line) => line.replace(/ (\S+B) .* (\S+=)/, ' $1 AGE $2')),
    snapshots: table(await ctr('snapshots', 'ls')),
    // containerd counts blocks, kiOS counts bytes.
    inodes: usage.map((line) => line.replace(/ \d+ (\d+)$/, ' SIZE $1')),
  };
}

/** Describes the form of a time.Time.MarshalBinary without its value. */
function timeShape(value: Buffer): string {
  expect(value).toHaveLength(15);
  return `time version ${value[0]} zone ${value.readInt16BE(13)}`;
}

/** Removes the first number of a backend's name, a count of the operations that preceded the snapshot. */
const unnumbered = (text: string): string => text.replace(/^k8s\.io\/\d+\//, 'k8s.io/N/');

/** Decodes Go's encoding/binary.Uvarint; returns the number and where it ends. */
function uvarint(bytes: Buffer, from = 0): [number, number] {
  let [value, at] = [0, from];
  for (let scale = 1; ; scale *= 0x80) {
    const byte = bytes.readUInt8(at);
    at += 1;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return [value, at];
  }
}

/** Describes the layers of the snapshotter without their numbers: which one lies over which. */
function families(root: ReadBucket): string[] {
  const inner = (name: string): ReadBucket => {
    const v1 = root.get('v1');
    const found = v1 instanceof Map ? v1.get(name) : undefined;
    return found instanceof Map ? found : new Map();
  };
  const names = new Map<number, string>();
  for (const [name, record] of inner('snapshots')) {
    if (name.endsWith(SHIPPED_LAYERS)) continue;
    const id = record instanceof Map ? record.get('id') : undefined;
    if (id instanceof Buffer) names.set(uvarint(id)[0], unnumbered(name));
  }
  const links = [...inner('parents')].map(([key, child]) => {
    const bytes = Buffer.from(key, 'latin1');
    const [parent, end] = uvarint(bytes);
    expect(bytes.readUInt8(end)).toBe(0);
    const [above] = uvarint(bytes, end + 1);
    expect(names.get(above)).toBe(
      unnumbered(child instanceof Buffer ? child.toString('latin1') : ''),
    );
    return `${names.get(above)} over ${names.get(parent)}`;
  });
  return [...names.values(), ...links].toSorted();
}

/** Labels of a shipped image, which an imported one lacks. */
const OWN_LABELS = ['io.cri-containerd.pinned', 'kios.dev/shipped'];
/** `families` compares them, or they are what an import leaves. */
const NOT_COMPARED = ['annotations', 'parents'];

/** Returns a value without what may differ, or nothing. */
function comparableValue(key: string, value: Buffer, bucket: ReadBucket): string | undefined {
  if (OWN_LABELS.includes(key) || (key === 'id' && bucket.has('kind'))) return undefined;
  if (key === 'createdat' || key === 'updatedat') return timeShape(value);
  if (key === 'size' && bucket.has('inodes')) return 'counted in blocks';
  return unnumbered(value.toString('latin1'));
}

/** Removes what may differ: times, numbers, block counts, and the remains of an import. */
function comparable(bucket: ReadBucket): Record<string, unknown> {
  const entries = [...bucket].flatMap(([key, value]): [string, unknown][] => {
    if (key.endsWith(SHIPPED_LAYERS)) return [];
    if (value instanceof Map) {
      const leftOver = ['ingests', 'leases'].includes(key) && value.size === 0;
      const isCompared = !leftOver && !NOT_COMPARED.includes(key);
      return isCompared ? [[unnumbered(key), comparable(value)]] : [];
    }
    const shown = comparableValue(key, value, bucket);
    return shown === undefined ? [] : [[key, shown]];
  });
  return Object.fromEntries(entries);
}

/** Collects garbage: containerd does so now when a lease is removed synchronously. */
async function collectGarbage({ ctr }: Containerd): Promise<void> {
  await ctr('leases', 'create', '--id', 'garbage');
  await ctr('leases', 'rm', '--sync', 'garbage');
}

let images: OciImage[] = [];
let imported: Containerd;
let ours: Containerd;

beforeAll(async () => {
  if (process.getuid?.() !== 0) return;
  const built = await buildUpstream(['containerd', 'ctr'], workstationArch(), silent);
  programs = { containerd: built.get('containerd')!.path, ctr: built.get('ctr')!.path };
  home = await mkdtemp(path.join(tmpdir(), 'kios-store-'));
  const layout = path.join(home, 'layout');
  images = await makeImages(layout);
  await run('tar', ['-cf', path.join(home, 'images.tar'), '-C', layout, '.']);
  await unpack(makeStore(images, TIME, origin), path.join(home, 'store'), TIME);
  imported = await Containerd.open({ dir: path.join(home, 'imported'), programs });
  const options = ['--local', '--discard-unpacked-layers'];
  await imported.ctr('images', 'import', ...options, path.join(home, 'images.tar'));
  for (const image of images)
    for (const name of namesByDigest(image)) await imported.ctr('images', 'tag', image.name, name);
  // The CRI plugin labels new images and names them by id some time later.
  await vi.waitFor(
    async () => {
      const listed = table(await imported.ctr('images', 'ls'));
      const managed = listed.filter((line) => line.endsWith('io.cri-containerd.image=managed'));
      if (managed.length < NAMES + images.length)
        throw new Error(`not managed yet: ${listed.join('\n')}`);
    },
    { timeout: 20_000, interval: 200 },
  );
  for (const { config } of images) await imported.ctr('images', 'rm', config.digest);
  await collectGarbage(imported);
  ours = await Containerd.open({
    dir: path.join(home, 'ours'),
    programs,
    store: path.join(home, 'store'),
  });
});

afterAll(async () => {
  await imported?.[Symbol.asyncDispose]();
  await ours?.[Symbol.asyncDispose]();
  if (home !== '') await rm(home, { recursive: true, force: true });
});

beforeEach(requireRoot);

it('has the same content as an import, as containerd reports it', async () => {
  const reported = await describeStore(ours);
  expect(reported).toEqual(await describeStore(imported));
  expect(reported.images).toHaveLength(NAMES);
  expect(reported.snapshots).toHaveLength(4);
  expect(reported.contents).toHaveLength(4);
  for (const line of reported.checks) expect(line).toMatch(/true$/);
});

it('pins every image', async () => {
  const listed = table(await ours.ctr('images', 'ls'));
  for (const line of listed) expect(line).toContain('io.cri-containerd.pinned=pinned');
});

it('shows a container the files of all its layers', async () => {
  const mount = path.join(home, 'mount');
  await mkdir(mount);
  for (const containerd of [imported, ours]) {
    await containerd.ctr('images', 'mount', 'kios.invalid/two:1', mount);
    const list = `cd ${mount} && find . -mindepth 1 -printf '%P %M %l\\n' | sort | sed 's/ $//'`;
    const listed = await containerd.run('sh', '-c', list);
    expect(listed.trim().split('\n')).toEqual([
      'etc drwxr-xr-x',
      'etc/own -rw-r--r--',
      'etc/shared -rw-r--r--',
      'link lrwxrwxrwx etc/shared',
      'tmp drwxrwxrwt',
    ]);
    expect(await containerd.run('cat', `${mount}/etc/shared`, `${mount}/etc/own`)).toBe(
      'replaced\nof two',
    );
    // Its `--rm` gives the lease up first: a collection that is faster leaves the link of the parent for ever
    // (containerd issue 11908), and the databases are no longer equal.
    await containerd.ctr('images', 'unmount', mount);
    await containerd.ctr('snapshots', 'rm', mount);
    await containerd.ctr('leases', 'rm', '--sync', mount);
  }
});

it('survives a garbage collection and a restart', async () => {
  const before = await describeStore(ours);
  await collectGarbage(ours);
  expect(await describeStore(ours)).toEqual(before);
  expect(await ours.ctr('snapshots', 'ls')).toContain(SHIPPED_LAYERS);
  expect(await ours.run('ls', path.join(home, 'ours/root', LAYERS))).toContain('4503599627370495');
  await ours.stop();
  await ours.start();
  expect(await describeStore(ours)).toEqual(before);
});

it.each([META, `${SNAPSHOTTER}/metadata.db`])('writes %s as an import does', async (name) => {
  await ours.stop();
  await imported.stop();
  const [mine, theirs] = [await ours.database(name), await imported.database(name)].map(readBolt);
  expect(comparable(mine!.root)).toEqual(comparable(theirs!.root));
  expect(families(mine!.root)).toEqual(families(theirs!.root));
});

it('loses only links when an image is removed', async () => {
  await ours.start();
  const one = images[0]!;
  await ours.ctr('images', 'rm', '--sync', one.name, ...namesByDigest(one));
  const left = await describeStore(ours);
  expect(left.snapshots).toHaveLength(3);
  expect(left.contents).toHaveLength(2);
  const snapshots = path.join(home, 'store', SNAPSHOTTER, 'snapshots');
  const [base, top] = one.layers.map((layer) => layer.descriptor.digest);
  const kept = await readdir(snapshots);
  expect(kept).toHaveLength(4);
  expect(kept).toContain(`${snapshotId(base!)}`);
  const removed = snapshotId(chainIdOf(base, top!));
  expect(await readdir(path.join(snapshots, `${removed}/fs`))).toEqual(['run']);
  expect(await readdir(path.join(home, 'store', BLOBS))).toHaveLength(4);
});
