import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { expect, it } from 'vitest';

import { findBoard, PI_FILES } from '../../../../src/build/image/boot-file.ts';
import { repository } from '../../../../src/workstation/paths.ts';

const config = readFile(path.join(repository, 'os/boards/rpi4/config.txt'), 'utf8');

it('starts the files that the build writes', async () => {
  const lines = (await config).split('\n');
  expect(lines).toContain(`kernel=${PI_FILES.kernel}`);
  expect(lines).toContain(`initramfs ${PI_FILES.initramfs} followkernel`);
});

it('has no line that the loader would cut', async () => {
  expect((await config).split('\n').filter((line) => line.length > 98)).toEqual([]);
});

it('knows a medium of the board by its files, and a half-written one not', () => {
  const { loader, kernel, initramfs } = PI_FILES;
  expect(findBoard(['config.txt', loader, kernel, initramfs, 'kios/README.txt'])).toBe('rpi4');
  expect(findBoard([loader, kernel])).toBeUndefined();
  expect(findBoard(['EFI/BOOT/BOOTAA64.EFI'])).toBeUndefined();
});
