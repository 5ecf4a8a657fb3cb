import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { makeImage } from '../../../../src/build/formats/oci.ts';
import { type Origin, Tree } from '../../../../src/build/formats/tree.ts';
import { writeLayer } from '../../../../src/build/image/oci-layout.ts';
import {
  readRecord,
  removeRecord,
  sbomOf,
  writeRecord,
  writeSboms,
} from '../../../../src/build/image/record.ts';
import { imageName } from '../../../../src/build/shipped.ts';
import { KIOS } from '../../../../src/build/versions.ts';
import { sha256 } from '../../../../src/workstation/digest.ts';

let dist = '';

beforeEach(async () => {
  dist = await mkdtemp(path.join(tmpdir(), 'kios-record-'));
});

afterEach(() => rm(dist, { recursive: true }));

const request = {
  arch: 'arm64',
  time: 1_700_000_000,
  kernel: 'kios',
  bootstrap: undefined,
} as const;

it('says what a finished build was made from', async () => {
  await writeRecord(dist, { ...request, bootstrap: { kind: 'provider', provider: 'hetzner' } });
  expect(await readRecord(dist)).toMatchObject({
    version: KIOS,
    arch: 'arm64',
    time: 1_700_000_000,
    kernel: 'kios',
    bootstrap: 'hetzner',
  });
});

it('says which kubelet and which EFI file are in it', async () => {
  await writeFile(path.join(dist, 'kios.efi'), 'efi');
  await writeRecord(dist, request);
  expect(await readRecord(dist)).toMatchObject({
    kubernetes: expect.stringMatching(/^v1\.\d+\.\d+$/) as unknown,
    efi: { sha256: sha256('efi'), bytes: 3 },
  });
});

it('says which modules.erofs belongs to it, if there is one', async () => {
  await writeRecord(dist, request);
  expect(await readRecord(dist)).not.toHaveProperty('modules');
  await writeFile(path.join(dist, 'modules.erofs'), 'erofs');
  await writeRecord(dist, request);
  const modules = { sha256: sha256('erofs'), bytes: 5 };
  expect(await readRecord(dist)).toMatchObject({ modules });
});

it('says whose key has signed it, if one has', async () => {
  await writeRecord(dist, request);
  expect(await readRecord(dist)).not.toHaveProperty('signed');
  const certificate = sha256('certificate');
  await writeRecord(dist, { ...request, certificate });
  expect(await readRecord(dist)).toMatchObject({ signed: { certificate } });
});

it('says what a TPM measures of it, if that is signed', async () => {
  await writeRecord(dist, request);
  expect(await readRecord(dist)).not.toHaveProperty('measured');
  const measured = { key: sha256('key'), pcr11: sha256('pcr'), programs: [sha256('guard')] };
  await writeRecord(dist, { ...request, measured });
  expect(await readRecord(dist)).toMatchObject({ measured });
});

it('names an agent’s folder without the path to it', async () => {
  const bootstrap = {
    kind: 'agent',
    folder: '/home/me/mine',
    image: 'kios.invalid/mine:1',
  } as const;
  await writeRecord(dist, { ...request, bootstrap });
  expect((await readRecord(dist))?.bootstrap).toBe('mine');
});

it('is absent before, during and after a build that failed, and when it is torn', async () => {
  expect(await readRecord(dist)).toBeUndefined();
  await writeRecord(dist, request);
  await removeRecord(dist);
  expect(await readRecord(dist)).toBeUndefined();
  await writeFile(path.join(dist, 'build.json'), '{"v":1,');
  expect(await readRecord(dist)).toBeUndefined();
});

const origin = (name: string): Origin => ({ name, version: '1', kind: 'deb' });

it('lists the files and packages of each image by itself', async () => {
  const layer = (name: string) =>
    writeLayer(path.join(dist, 'images'), new Tree().text(`/${name}`, name, origin(name)), 0);
  const [base, one, two] = [await layer('base'), await layer('one'), await layer('two')];
  const image = (name: string, ...layers: (typeof base)[]) =>
    makeImage({ name: imageName(name), layers, entrypoint: [], env: [] }, 'amd64', 0);
  await writeSboms(dist, [image('a', base, one), image('b', base, two)], 0);
  expect(await readdir(path.join(dist, 'sboms'))).toEqual(['a.spdx.json', 'b.spdx.json']);
  const text = await readFile(sbomOf(dist, 'a'), 'utf8');
  expect(text).toContain('pkg:deb/debian/base@1');
  expect(text).toContain('pkg:deb/debian/one@1');
  expect(text).not.toContain('two');
});
