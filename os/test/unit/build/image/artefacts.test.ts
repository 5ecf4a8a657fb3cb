import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { makeUnlessMade } from '../../../../src/build/image/artefacts.ts';

let dist: string;
let artefacts: readonly string[];

beforeEach(async () => {
  dist = await mkdtemp(path.join(tmpdir(), 'kios-artefacts-'));
  artefacts = ['a', 'b'].map((name) => path.join(dist, name));
});
afterEach(() => rm(dist, { recursive: true }));

/** Makes both artefacts for a key, unless the build ends after this number of them. */
const build = (key: string, upTo = 2): Promise<void> =>
  makeUnlessMade(dist, key, artefacts, async () => {
    for (const file of artefacts.slice(0, upTo)) await writeFile(file, key);
    if (upTo < artefacts.length) throw new Error('interrupted');
  });

const contents = (): Promise<readonly string[]> =>
  Promise.all(artefacts.map((file) => readFile(file, 'utf8')));

it('artefacts are made once for a key, and anew for another or when one is gone', async () => {
  await build('one');
  await makeUnlessMade(dist, 'one', artefacts, () => Promise.reject(new Error('made again')));
  await build('two');
  expect(await contents()).toEqual(['two', 'two']);
  await rm(artefacts[0]!);
  await build('two');
  expect(await contents()).toEqual(['two', 'two']);
});

it('a build that was interrupted leaves no artefacts that count', async () => {
  await build('one');
  await expect(build('two', 1)).rejects.toThrow('interrupted');
  expect(await contents()).toEqual(['two', 'one']);
  await build('one');
  expect(await contents()).toEqual(['one', 'one']);
});
