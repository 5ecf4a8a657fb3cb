import { createHash } from 'node:crypto';

import * as v from 'valibot';
import { expect, it } from 'vitest';

import { makeSbom } from '../../../../src/build/formats/sbom.ts';
import { Tree } from '../../../../src/build/formats/tree.ts';

const TIME = 1_700_000_000;
const Id = v.pipe(v.string(), v.regex(/^SPDXRef-[A-Za-z0-9.-]+$/));
const Checksum = v.object({
  algorithm: v.literal('SHA256'),
  checksumValue: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
});
/** The rules of SPDX 2.3 for a document, its packages and its files (sections 6 to 11). */
const Document = v.object({
  spdxVersion: v.literal('SPDX-2.3'),
  dataLicense: v.literal('CC0-1.0'),
  SPDXID: v.literal('SPDXRef-DOCUMENT'),
  name: v.string(),
  documentNamespace: v.pipe(v.string(), v.url()),
  creationInfo: v.object({
    created: v.pipe(v.string(), v.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)),
    creators: v.array(v.string()),
  }),
  hasExtractedLicensingInfos: v.optional(
    v.array(
      v.object({
        licenseId: v.pipe(v.string(), v.regex(/^LicenseRef-[A-Za-z0-9.-]+$/)),
        name: v.string(),
        extractedText: v.string(),
      }),
    ),
  ),
  packages: v.array(
    v.object({
      SPDXID: Id,
      name: v.string(),
      versionInfo: v.string(),
      downloadLocation: v.string(),
      checksums: v.optional(v.array(Checksum)),
      licenseDeclared: v.optional(v.string()),
      externalRefs: v.array(v.object({ referenceLocator: v.pipe(v.string(), v.regex(/^pkg:/)) })),
    }),
  ),
  files: v.array(
    v.object({
      SPDXID: Id,
      fileName: v.pipe(v.string(), v.startsWith('./')),
      checksums: v.array(Checksum),
    }),
  ),
  relationships: v.array(
    v.object({ spdxElementId: Id, relationshipType: v.string(), relatedSpdxElement: Id }),
  ),
});

const tree = (): Tree =>
  new Tree()
    .file(
      '/bin/bun',
      0o755,
      { bytes: Buffer.from('bun') },
      { name: '@oven/bun', version: '1.2.3', kind: 'npm' },
    )
    .text('/lib/libc.so.6', 'libc', {
      name: 'libc6',
      version: '2.41-12+deb13u2',
      kind: 'deb',
      sha256: 'a'.repeat(64),
    })
    .text('/lib/libm.so.6', 'libm', {
      name: 'libc6',
      version: '2.41-12+deb13u2',
      kind: 'deb',
      sha256: 'a'.repeat(64),
    })
    .text('/bin/kubelet', 'k', { name: 'k8s.io/kubernetes', version: 'v1.36.0', kind: 'go' })
    .symlink('/bin/alias', 'bun');

const sbom = async (of = tree()): Promise<v.InferOutput<typeof Document>> =>
  v.parse(Document, JSON.parse(await makeSbom('kios-1', [of], TIME)));

it('is a document of SPDX 2.3 with every file, its digest and its package', async () => {
  const { files, packages, relationships } = await sbom();
  expect(files.map(({ fileName }) => fileName)).toEqual([
    './bin/bun',
    './bin/kubelet',
    './lib/libc.so.6',
    './lib/libm.so.6',
  ]);
  expect(files[0]!.checksums[0]!.checksumValue).toBe(
    createHash('sha256').update('bun').digest('hex'),
  );
  const origins = relationships.map(({ spdxElementId, relatedSpdxElement }) => [
    files.find(({ SPDXID }) => SPDXID === spdxElementId)!.fileName,
    packages.find(({ SPDXID }) => SPDXID === relatedSpdxElement)!.name,
  ]);
  expect(origins).toEqual([
    ['./bin/bun', '@oven/bun'],
    ['./bin/kubelet', 'k8s.io/kubernetes'],
    ['./lib/libc.so.6', 'libc6'],
    ['./lib/libm.so.6', 'libc6'],
  ]);
});

it('names packages as vulnerability scanners know them', async () => {
  const { packages } = await sbom();
  expect(packages.map(({ externalRefs }) => externalRefs[0]!.referenceLocator).toSorted()).toEqual([
    'pkg:deb/debian/libc6@2.41-12%2Bdeb13u2',
    'pkg:golang/k8s.io/kubernetes@v1.36.0',
    'pkg:npm/%40oven/bun@1.2.3',
  ]);
});

it('has each identifier once', async () => {
  const { files, packages } = await sbom();
  const ids = [...files, ...packages].map(({ SPDXID }) => SPDXID);
  expect(new Set(ids).size).toBe(ids.length);
});

it('is the same for equal trees and has another namespace for another tree', async () => {
  expect(await makeSbom('kios-1', [tree()], TIME)).toBe(await makeSbom('kios-1', [tree()], TIME));
  const more = tree().text('/more', '', { name: 'kios', version: '1', kind: 'kios' });
  expect((await sbom(more)).documentNamespace).not.toBe((await sbom()).documentNamespace);
});

const firmware = (name: string, licence: string) =>
  ({ name, version: '1', kind: 'deb', licence }) as const;

it('has the text of licences that are not free, once, and says whose they are', async () => {
  const more = tree()
    .text('/fw/a', 'a', firmware('firmware-a', 'One licence.'))
    .text('/fw/b', 'b', firmware('firmware-b', 'One licence.'))
    .text('/fw/c', 'c', firmware('firmware-c', 'Another one.'));
  const { packages, hasExtractedLicensingInfos: infos = [] } = await sbom(more);
  expect(infos.map(({ extractedText }) => extractedText)).toEqual(['One licence.', 'Another one.']);
  const declared = new Map(packages.map((each) => [each.name, each.licenseDeclared]));
  expect(declared.get('firmware-a')).toBe(infos[0]!.licenseId);
  expect(declared.get('firmware-b')).toBe(infos[0]!.licenseId);
  expect(declared.get('firmware-c')).toBe(infos[1]!.licenseId);
  expect(declared.get('libc6')).toBeUndefined();
});
