import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { blobPath } from '../../../src/build/formats/oci.ts';
import { imageName } from '../../../src/build/shipped.ts';
import { type Built, readBuilds } from '../../../src/publish/content/built.ts';
import type { Publication } from '../../../src/publish/content/publication.ts';
import { sharedLayers } from '../../../src/publish/content/shared-layers.ts';
import { run } from '../../../src/workstation/run.ts';
import { expectedPublications } from '../../support/publish/expected.ts';
import { fakeBuild, fakeDist } from '../../support/publish/fake-builds.ts';

let home = '';

beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'kios-publication-'));
});

afterEach(() => rm(home, { recursive: true }));

const builds = (...arches: ('amd64' | 'arm64')[]): Promise<Built[]> =>
  readBuilds(arches, (arch) => fakeDist(home, arch));

const publications = (): Promise<Publication[]> => expectedPublications(home);

const parsed = (bytes: Buffer): unknown => JSON.parse(bytes.toString());

it('leaves the manifests of the builds as they are', async () => {
  await fakeBuild({ home, content: 'a' });
  const [dhcp] = await publications();
  for (const arch of ['amd64', 'arm64'] as const) {
    const text = await readFile(path.join(fakeDist(home, arch), 'images/index.json'), 'utf8');
    const manifest = dhcp?.images.get(arch)?.manifest;
    expect(text).toContain(`"digest":"${manifest?.digest}","size":${manifest?.size}`);
    expect(parsed(dhcp!.index.content)).toMatchObject({
      manifests: expect.arrayContaining([
        { ...manifest, platform: { architecture: arch, os: 'linux' } },
      ]) as unknown,
    });
  }
});

it('names every image by digest in the annotations of the operating system, which comes last', async () => {
  await fakeBuild({ home, content: 'a' });
  const all = await publications();
  expect(all.map(({ name }) => name)).toEqual(['dhcp', 'chrony-config', 'pause', 'os']);
  const [dhcp, config, pause, system] = all;
  expect(parsed(system!.index.content)).toMatchObject({
    annotations: {
      'org.opencontainers.image.title': 'kios os',
      'dev.kios.image.dhcp': dhcp?.index.digest,
      'dev.kios.image.chrony-config': config?.index.digest,
      'dev.kios.image.pause': pause?.index.digest,
    },
  });
});

const digests = (all: readonly Publication[]): string[] =>
  all.flatMap(({ index, referrers }) => [
    index.digest,
    ...referrers.map(({ manifest }) => manifest.digest),
  ]);

it('has equal bytes for equal builds, and others for another program', async () => {
  await fakeBuild({ home, content: 'a' });
  const [first, again] = [await publications(), await publications()];
  expect(digests(again)).toEqual(digests(first));
  await fakeBuild({ home, content: 'b' });
  for (const digest of digests(await publications())) expect(digests(first)).not.toContain(digest);
});

it('says of each image what it holds and how it was built', async () => {
  await fakeBuild({ home, content: 'a' });
  const [dhcp] = await publications();
  expect(dhcp?.referrers.map(({ artifactType }) => artifactType)).toEqual([
    'application/spdx+json',
    'application/spdx+json',
    'application/vnd.in-toto+json',
  ]);
  const [amd64, , provenance] = dhcp!.referrers;
  expect(amd64?.subject.digest).toBe(dhcp?.images.get('amd64')?.manifest.digest);
  expect(provenance?.subject.digest).toBe(dhcp?.index.digest);
  expect(parsed(provenance!.blobs.at(-1)!.content)).toMatchObject({
    _type: 'https://in-toto.io/Statement/v1',
    subject: expect.arrayContaining([
      { name: 'dhcp', digest: { sha256: dhcp?.index.digest.slice('sha256:'.length) } },
    ]) as unknown,
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {
      buildDefinition: {
        buildType: 'urn:kios:build:1',
        externalParameters: { arch: ['amd64', 'arm64'], kernel: 'kios' },
        resolvedDependencies: expect.arrayContaining([
          { uri: 'pkg:deb/debian/libc6@2.41-12', digest: { sha256: 'ab'.repeat(32) } },
        ]) as unknown,
      },
    },
  });
});

async function systemWith(content: string, modules: string): Promise<Publication> {
  await fakeBuild({ home, content, modules });
  const system = (await publications()).at(-1);
  if (system?.name === 'os') return system;
  throw new Error('the system does not come last');
}

const layersIn = ({ images }: Publication): readonly string[] =>
  images.get('amd64')?.layers.map(({ digest }) => digest) ?? [];

it('has modules.erofs with the system, as a blob that releases with one kernel share', async () => {
  const first = await systemWith('a', 'of one kernel');
  const manifests = (['amd64', 'arm64'] as const).map(
    (arch) => first.images.get(arch)?.manifest.digest,
  );
  expect(first.referrers.map(({ subject }) => subject.digest)).toEqual([
    ...manifests.flatMap((digest) => [digest, digest]),
    first.index.digest,
  ]);
  const [modules, system] = layersIn(first);
  const [same, other] = layersIn(await systemWith('b', 'of one kernel'));
  expect(same).toBe(modules);
  expect(other).not.toBe(system);
});

it('says what boards start, which is in the system already but for their kernel', async () => {
  await fakeBuild({ home, content: 'a', forBoards: true });
  const [amd64, arm64] = await builds('amd64', 'arm64');
  expect(amd64!.record.boards).toBeUndefined();
  const files = arm64!.record.boards!['rpi4']!;
  expect(Object.keys(files).toSorted()).toEqual(['cmdline.txt', 'initramfs8', 'kernel8.img']);
  const { offset = 0, bytes } = files['initramfs8']!;
  const efi = await readFile(path.join(fakeDist(home, 'arm64'), 'kios.efi'));
  expect(efi.toString('latin1', offset, offset + bytes)).toBe('initramfs: a');
});

it('has what boards start besides the initramfs', async () => {
  await fakeBuild({ home, content: 'a', forBoards: true });
  const system = (await publications()).at(-1)!;
  const [layer] = system.images.get('arm64')!.layers;
  const listed = await run('tar', ['-tf', path.join(home, 'expected', blobPath(layer!.digest))]);
  const names = listed.split('\n').filter((name) => name !== '' && !name.endsWith('/'));
  expect(names.map((name) => name.replace(/^\.?\//, '')).toSorted()).toEqual([
    'build.json',
    'kios.efi',
    'rpi4/cmdline.txt',
    'rpi4/kernel8.img',
  ]);
});

it('groups the layers that repositories share, over all architectures', async () => {
  await fakeBuild({ home, content: 'a' });
  const [group, ...others] = sharedLayers(await publications());
  expect(others).toEqual([]);
  expect(group?.names).toEqual(['dhcp', 'chrony-config']);
  expect(parsed(group!.manifest.content)).toMatchObject({
    layers: [{ size: expect.any(Number) as unknown }, { size: expect.any(Number) as unknown }],
  });
});

it('refuses what is not built, half built, or built from different sources', async () => {
  const refused: unknown = expect.objectContaining({ code: 'KIOS_PUBLISH_BUILD' });
  await expect(builds()).rejects.toEqual(refused);
  await fakeBuild({ home, content: 'a', arches: ['amd64'] });
  expect(await builds()).toHaveLength(1);
  await expect(builds('amd64', 'arm64')).rejects.toEqual(refused);
  await fakeBuild({ home, content: 'a', arches: ['arm64'] });
  expect(await builds()).toHaveLength(2);
  const record = path.join(fakeDist(home, 'arm64'), 'build.json');
  const text = await readFile(record, 'utf8');
  await writeFile(record, text.replace(/"time": \d+/, '"time": 1'));
  await expect(builds()).rejects.toEqual(refused);
  await rm(record);
  expect((await builds()).map(({ arch }) => arch)).toEqual(['amd64']);
  expect((await builds())[0]?.images[0]?.name).not.toBe(imageName('dhcp'));
});
