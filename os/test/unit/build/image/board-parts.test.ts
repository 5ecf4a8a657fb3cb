import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { makeUki } from '../../../../src/build/formats/uki.ts';
import { readBoardParts, writeBoardParts } from '../../../../src/build/image/board-parts.ts';
import { sha256 } from '../../../../src/workstation/digest.ts';
import { makeStub } from '../../../support/stub.ts';

const TREES = ['bcm2711-rpi-4-b.dtb', 'bcm2711-rpi-400.dtb', 'bcm2711-rpi-cm4-io.dtb'];
const origin = { name: 'linux', version: '1', kind: 'deb' } as const;
const initrd = Buffer.alloc(1000, 'initramfs');

let dist = '';
const at = (...names: string[]): string => path.join(dist, ...names);

beforeEach(async () => {
  dist = await mkdtemp(path.join(tmpdir(), 'kios-parts-'));
  await mkdir(at('trees'));
  for (const name of TREES) await writeFile(at('trees', name), name);
  await writeFile(at('Image'), 'kernel');
  await writeFile(at('kios.efi'), makeUki(makeStub(), [{ name: '.initrd', content: initrd }]));
});
afterEach(() => rm(dist, { recursive: true }));

const board = () => ({ image: at('Image'), deviceTrees: at('trees') });

it('are a kernel, a command line and device trees of their own, and the initramfs of kios.efi', async () => {
  await writeBoardParts({ board: board(), origin }, dist);
  expect((await readdir(at('rpi4'))).toSorted()).toEqual(
    [...TREES, 'cmdline.txt', 'kernel8.img'].toSorted(),
  );
  expect(gunzipSync(await readFile(at('rpi4/kernel8.img'))).toString()).toBe('kernel');
  const parts = (await readBoardParts(dist)) ?? {};
  const { offset = 0, bytes, sha256: digest } = parts['initramfs8']!;
  const efi = await readFile(at('kios.efi'));
  expect(efi.subarray(offset, offset + bytes)).toEqual(initrd);
  expect(digest).toBe(sha256(initrd));
  expect(parts['kernel8.img']?.sha256).toBe(sha256(await readFile(at('rpi4/kernel8.img'))));
});

it('are there only with a kernel for boards', async () => {
  await writeBoardParts({ board: board(), origin }, dist);
  await writeBoardParts({ board: undefined, origin }, dist);
  expect(existsSync(at('rpi4'))).toBe(false);
  expect(await readBoardParts(dist)).toBeUndefined();
});
