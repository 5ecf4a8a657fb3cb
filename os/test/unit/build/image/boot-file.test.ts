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
