import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import * as v from 'valibot';
import { afterEach, beforeEach, expect, it } from 'vitest';

import { makeImage, type OciImage } from '../../../../src/build/formats/oci.ts';
import { Tree } from '../../../../src/build/formats/tree.ts';
import { writeLayer, writeLayout } from '../../../../src/build/image/oci-layout.ts';
import { origin } from '../../../support/trees.ts';

const TIME = 1_700_000_000;
const Descriptor = v.object({ mediaType: v.string(), digest: v.string(), size: v.number() });
const Index = v.object({
  schemaVersion: v.literal(2),
  manifests: v.array(
    v.object({
      ...Descriptor.entries,
      platform: v.object({ architecture: v.string(), os: v.literal('linux') }),
      annotations: v.record(v.string(), v.string()),
    }),
  ),
});
const Manifest = v.object({
  schemaVersion: v.literal(2),
  config: Descriptor,
  layers: v.array(Descriptor),
});
const Config = v.object({
  created: v.string(),
  architecture: v.string(),
  rootfs: v.object({ type: v.literal('layers'), diff_ids: v.array(v.string()) }),
  history: v.array(v.unknown()),
});

let layout = '';
beforeEach(async () => {
  layout = await mkdtemp(path.join(tmpdir(), 'kios-oci-'));
});
afterEach(() => rm(layout, { recursive: true }));

async function makeTwo(): Promise<OciImage[]> {
  const base = await writeLayer(layout, new Tree().text('/etc/base', 'base', origin), TIME);
  const own = await writeLayer(layout, new Tree().text('/run', '#!', origin), TIME);
  const spec = { entrypoint: ['/run'], env: ['A=b'] };
  const images = [
    makeImage({ ...spec, name: 'kios.invalid/one:1', layers: [base, own] }, 'arm64', TIME),
    makeImage({ ...spec, name: 'kios.invalid/two:1', layers: [base] }, 'arm64', TIME),
  ];
  await writeLayout(layout, images, 'arm64');
  return images;
}

async function read<T>(schema: v.GenericSchema<unknown, T>, file: string): Promise<T> {
  return v.parse(schema, JSON.parse(await readFile(path.join(layout, file), 'utf8')));
}

const blob = (digest: string): string => path.join('blobs', digest.replace(':', '/'));

it('names every blob by the digest of its content', async () => {
  await makeTwo();
  const names = await readdir(path.join(layout, 'blobs/sha256'));
  // Two layers, and manifest and configuration of each image.
  expect(names).toHaveLength(6);
  for (const name of names) {
    const content = await readFile(path.join(layout, 'blobs/sha256', name));
    expect(createHash('sha256').update(content).digest('hex')).toBe(name);
  }
  expect(await readdir(path.join(layout, 'blobs'))).toEqual(['sha256']);
});

it('leads from the index to every layer, with correct sizes', async () => {
  await makeTwo();
  const { manifests } = await read(Index, 'index.json');
  expect(manifests.map(({ annotations }) => annotations['io.containerd.image.name'])).toEqual([
    'kios.invalid/one:1',
    'kios.invalid/two:1',
  ]);
  for (const { digest, platform } of manifests) {
    expect(platform.architecture).toBe('arm64');
    const manifest = await read(Manifest, blob(digest));
    const config = await read(Config, blob(manifest.config.digest));
    expect(config.architecture).toBe('arm64');
    expect(config.created).toBe('2023-11-14T22:13:20.000Z');
    expect(config.rootfs.diff_ids).toEqual(manifest.layers.map((layer) => layer.digest));
    expect(config.history).toHaveLength(manifest.layers.length);
    for (const { digest: part, size } of [manifest.config, ...manifest.layers])
      expect((await readFile(path.join(layout, blob(part)))).length).toBe(size);
  }
});

it('writes several layers into one layout at the same time', async () => {
  const trees = Array.from({ length: 10 }, (_, n) => new Tree().text(`/${n}`, `${n}`, origin));
  const layers = await Promise.all(trees.map((tree) => writeLayer(layout, tree, TIME)));
  const digests = layers.map(({ descriptor }) => descriptor.digest.replace('sha256:', ''));
  expect((await readdir(path.join(layout, 'blobs/sha256'))).toSorted()).toEqual(digests.toSorted());
});

it('counts the entries of a layer, with their root, and the bytes of its files', async () => {
  const tree = new Tree().text('/a/b', '12345', origin).symlink('/c', 'a/b');
  expect(await writeLayer(layout, tree, TIME)).toMatchObject({ inodes: 4, bytes: 5 });
});
