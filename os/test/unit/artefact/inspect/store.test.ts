import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { readImages } from '../../../../src/artefact/inspect/store.ts';
import { ociDigest } from '../../../../src/build/formats/oci.ts';
import { preload } from '../../../../src/build/preload/preload.ts';
import { makeStore, type PreloadedImage, STORE } from '../../../../src/build/store/store.ts';
import { silent } from '../../../../src/workstation/progress.ts';
import { bytesOf, origin } from '../../../support/trees.ts';
import { type UserImage, writeUserImage } from '../../../support/user-image.ts';

const NAME = 'registry.example/team/app:1';

let home = '';
let user: UserImage;
let preloaded: readonly PreloadedImage[];

beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'kios-inspect-'));
  const program = import.meta.filename;
  user = await writeUserImage(path.join(home, 'layout'), program, { name: NAME, arch: 'amd64' });
  const scratch = path.join(home, 'scratch');
  preloaded = await preload({ images: [user.layout], arch: 'amd64', scratch, progress: silent });
});

afterEach(() => rm(home, { recursive: true, force: true }));

/** Reads the images of a store that holds these. */
function inspect(images: readonly PreloadedImage[]) {
  const files = new Map(makeStore([], 0, origin, images).sorted());
  return readImages(async (file) => {
    const entry = files.get(file.slice(STORE.length));
    if (entry?.type !== 'file') return undefined;
    const { content } = entry;
    return 'bytes' in content ? Buffer.from(content.bytes) : bytesOf(content.chunks());
  });
}

it('names a packed image of an index with its layers, which are in no folder', async () => {
  const [found, ...others] = await inspect(preloaded);
  expect(others).toEqual([]);
  expect(found).toMatchObject({ name: NAME, digest: user.index.digest, entrypoint: ['/program'] });
  expect(found?.layers).toHaveLength(1);
  expect(found?.layers[0]).not.toHaveProperty('snapshot');
});

it('names an image that was asked for by its digest alone', async () => {
  const byDigest = `registry.example/team/app@${user.index.digest}`;
  const [found] = await inspect(preloaded.map((image) => ({ ...image, names: [byDigest] })));
  expect(found?.name).toBe(byDigest);
  expect(ociDigest(user.index.content)).toBe(found?.digest);
});
