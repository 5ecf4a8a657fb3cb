import { expect, it } from 'vitest';

import { BOOT_FILES, findBootFile } from '../../../../src/build/image/boot-file.ts';

it('finds the boot file of either architecture, however it is written', () => {
  expect(findBootFile(['kios/README.txt', BOOT_FILES.amd64])).toEqual({
    arch: 'amd64',
    file: BOOT_FILES.amd64,
  });
  expect(findBootFile(['efi/boot/bootaa64.efi'])).toEqual({
    arch: 'arm64',
    file: 'efi/boot/bootaa64.efi',
  });
});

it('takes no file of another folder or name for one', () => {
  expect(findBootFile(['BOOTX64.EFI', 'EFI/BOOT/BOOTX64.EFI.old'])).toBeUndefined();
});

const SLOTS = ['EFI/BOOT/BOOTX64.EFI', 'EFI/systemd/systemd-bootx64.efi', 'EFI/kios/0001.efi'];

it('finds the generation that the loader starts on a medium with slots', () => {
  const files = [...SLOTS, 'EFI/kios/0002.efi', 'loader/entries/kios-0001.conf'];
  expect(findBootFile(files)).toEqual({ arch: 'amd64', file: 'EFI/kios/0001.efi' });
  const next = [...files, 'loader/entries/kios-0002+3-0.conf'];
  expect(findBootFile(next)).toEqual({ arch: 'amd64', file: 'EFI/kios/0002.efi' });
});

it('takes the guard of a medium without a generation for no system', () => {
  expect(findBootFile(SLOTS)).toBeUndefined();
});
