import { createReadStream, createWriteStream } from 'node:fs';
import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

import { KiosError } from '@kios/errors';
import { afterEach, beforeEach, expect, it } from 'vitest';

import { imagesOf, readArchives } from '../../../../src/media/configure/images.ts';
import { silent } from '../../../../src/workstation/progress.ts';
import { archive, writeUserImage } from '../../../support/user-image.ts';

const NAME = 'registry.example/team/app:1';

let home = '';
let file = '';

beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'kios-images-'));
  const { layout } = await writeUserImage(path.join(home, 'layout'), import.meta.filename, {
    name: NAME,
    arch: 'amd64',
  });
  file = await archive(layout, path.join(home, 'app.tar'));
});

afterEach(() => rm(home, { recursive: true, force: true }));

const scratch = (): string => path.join(home, 'scratch');
const read = (
  files: readonly string[],
  { arch = 'amd64', room = 1e9 }: { arch?: 'amd64' | 'arm64'; room?: number } = {},
) =>
  readArchives(
    files,
    { arch, scratch: scratch(), room: async () => Promise.resolve(room) },
    silent,
  );

const faultOf = (...given: Parameters<typeof read>): Promise<string> =>
  read(...given).then(
    () => 'none',
    (error: unknown) =>
      error instanceof KiosError ? `${error.code} ${error.message}` : String(error),
  );

it('takes an archive as it is, by its path', async () => {
  const bytes = (await readFile(file)).length;
  expect([...(await read([file]))]).toEqual([['app.tar', { file, bytes }]]);
  expect(await readdir(scratch())).toEqual([]);
});

it.each(['app.tar.gz', 'app.tgz'])('unpacks %s, because a node does not', async (name) => {
  const zipped = path.join(home, name);
  await pipeline(createReadStream(file), createGzip(), createWriteStream(zipped));
  const [[called, content] = []] = await read([zipped]);
  expect(called).toBe('app.tar');
  expect(await readFile(content!.file)).toEqual(await readFile(file));
  expect(content!.bytes).toBe((await readFile(file)).length);
});

it('an empty name stands for none', async () => {
  expect((await read([''])).size).toBe(0);
});

it('refuses what a node would refuse, as the build does', async () => {
  expect(await faultOf([file], { arch: 'arm64' })).toMatch(
    /^KIOS_PRELOAD_IMAGE .*: it has nothing for linux\/arm64$/,
  );
  const broken = path.join(home, 'broken.tar');
  await writeFile(broken, 'half');
  expect(await faultOf([broken])).toContain('KIOS_PRELOAD_IMAGE');
  expect(await readdir(scratch())).toEqual([]);
});

it('refuses more than the medium has room for', async () => {
  const bytes = (await readFile(file)).length;
  expect(await faultOf([file], { room: bytes - 1 })).toBe(
    `KIOS_MEDIUM_FILE put archives of ${bytes} bytes on the medium: it has room for ${bytes - 1}`,
  );
  expect(await faultOf([file], { room: bytes })).toBe('none');
});

it.each(['app.oci', '.app.tar', 'a:b.tar', 'app'])('refuses the name %s', async (name) => {
  const named = path.join(home, name);
  await copyFile(file, named);
  expect(await faultOf([named])).toContain('KIOS_MEDIUM_FILE put the archive');
});

it('refuses two archives of one name, and no file', async () => {
  expect(await faultOf([file, file])).toContain('another archive is named app.tar');
  expect(await faultOf([path.join(home, 'none.tar')])).toContain('KIOS_MEDIUM_FILE read');
  expect(await faultOf([path.join(home, 'layout')])).toContain('KIOS_MEDIUM_FILE put the archive');
});

it('names the images of an archive', async () => {
  expect(await imagesOf(file, { arch: 'amd64', scratch: scratch() }, silent)).toEqual([NAME]);
});
