import { zstdDecompressSync } from 'node:zlib';

import { expect, it } from 'vitest';

import { readCpio } from '../../../../src/build/formats/cpio.ts';
import { Tree } from '../../../../src/build/formats/tree.ts';
import { makeInitramfs } from '../../../../src/build/image/initramfs.ts';
import { origin } from '../../../support/trees.ts';

const ARCHIVE = '070701';

it('has the root image as it is, and what a program without a console needs to start', async () => {
  const early = new Tree().directory('/dev').text('/init', 'program', origin);
  const initramfs = await makeInitramfs(early, new Tree().text('/root.erofs', 'image', origin));
  const second = initramfs.indexOf(ARCHIVE);
  expect(second % 4).toBe(0);
  expect(readCpio(initramfs.subarray(second)).map(({ name }) => name)).toEqual(['root.erofs']);
  const first = readCpio(zstdDecompressSync(initramfs.subarray(0, second)));
  const devices = first.filter(({ mode }) => mode >> 12 === 2).map(({ name }) => name);
  expect(devices).toEqual(['dev/null']);
});
