import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { KiosError } from '@kios/errors';
import { afterEach, beforeEach, expect, it } from 'vitest';

import { blobPath } from '../../../../src/build/formats/oci.ts';
import { preload } from '../../../../src/build/preload/preload.ts';
import { silent } from '../../../../src/workstation/progress.ts';
import { run } from '../../../../src/workstation/run.ts';
import { archive, type UserImage, writeUserImage } from '../../../support/user-image.ts';

const NAME = 'registry.example/team/app:1';

let home = '';
let image: UserImage;

beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'kios-preload-'));
  image = await writeUserImage(path.join(home, 'layout'), import.meta.filename, {
    name: NAME,
    arch: 'amd64',
  });
});

afterEach(() => rm(home, { recursive: true, force: true }));

const read = (file: string, arch: 'amd64' | 'arm64' = 'amd64') =>
  preload({ images: [file], arch, scratch: path.join(home, 'scratch'), progress: silent });

it.each(['layout', 'archive'])('takes the image of an OCI %s', async (form) => {
  const { layout, index, manifest, config, layer } = image;
  const file = form === 'layout' ? layout : await archive(layout, path.join(home, 'app.tar'));
  const [found, ...others] = await read(file);
  expect(others).toEqual([]);
  expect(found?.names).toEqual([NAME, `registry.example/team/app@${index.digest}`]);
  expect(found?.target.digest).toBe(index.digest);
  const labels = Object.fromEntries(found!.blobs.map((blob) => [blob.digest, blob.labels]));
  expect(labels).toEqual({
    [index.digest]: { 'containerd.io/gc.ref.content.m.0': manifest.digest },
    [manifest.digest]: {
      'containerd.io/gc.ref.content.config': config.digest,
      'containerd.io/gc.ref.content.l.0': layer.digest,
    },
    [config.digest]: {},
    [layer.digest]: {},
  });
});

it('removes what an earlier build unpacked', async () => {
  const file = await archive(image.layout, path.join(home, 'app.tar'));
  await read(file);
  expect(await readdir(path.join(home, 'scratch'))).toEqual(['0']);
  await preload({
    images: [],
    arch: 'amd64',
    scratch: path.join(home, 'scratch'),
    progress: silent,
  });
  expect(await readdir(home)).not.toContain('scratch');
});

const faultOf = (file: string, arch?: 'arm64'): Promise<string> =>
  read(file, arch).then(
    () => 'none',
    (error: unknown) =>
      error instanceof KiosError ? `${error.code} ${error.message}` : String(error),
  );

it('refuses an image for another architecture', async () => {
  expect(await faultOf(image.layout, 'arm64')).toMatch(
    /^KIOS_PRELOAD_IMAGE .*: it has nothing for linux\/arm64$/,
  );
});

it('refuses a layout without the name of its image', async () => {
  const file = path.join(image.layout, 'index.json');
  await writeFile(file, (await readFile(file, 'utf8')).replace(NAME, '1'));
  expect(await faultOf(image.layout)).toContain('has no name');
});

it('refuses a damaged layer', async () => {
  const file = path.join(image.layout, blobPath(image.layer.digest));
  const bytes = await readFile(file);
  bytes[20]! ^= 1;
  await writeFile(file, bytes);
  expect(await faultOf(image.layout)).toContain(`${image.layer.digest} is damaged`);
});

it('refuses a layout that lacks a layer', async () => {
  await rm(path.join(image.layout, blobPath(image.layer.digest)));
  expect(await faultOf(image.layout)).toContain(`it lacks ${image.layer.digest}`);
});

it('refuses an archive that is cut short, wherever that is', async () => {
  const file = await archive(image.layout, path.join(home, 'app.tar'));
  const { size } = await stat(file);
  for (let bytes = size - 10_240; bytes > 0; bytes -= 700) {
    await truncate(file, bytes);
    expect(await faultOf(file)).toContain(`KIOS_PRELOAD_IMAGE preload the image ${file}`);
  }
});

it('refuses what is no archive, an archive of something else, and no file', async () => {
  const file = path.join(home, 'app.tar');
  await writeFile(file, 'no archive');
  expect(await faultOf(file)).toContain('no tar archive');
  expect(await faultOf(await archive(path.join(image.layout, 'blobs'), file))).toContain(
    'no file index.json',
  );
  await writeFile(path.join(home, 'manifest.json'), '[]');
  await run('tar', ['--create', '--file', file, '--directory', home, 'manifest.json']);
  expect(await faultOf(file)).toContain('a Docker archive of the old form');
  expect(await faultOf(path.join(home, 'none.tar'))).toContain('there is no such file');
});
