import { expect, it } from 'vitest';

import { planDirectBoot } from '../../../../src/artefact/export/direct-boot.ts';

const FOR_PEOPLE = ['kios/README.txt', 'loader/addons/kios.addon.efi', 'user-data'];

it('a medium without slots starts the one system itself, and keeps what people put there', () => {
  const slots = [
    'EFI/BOOT/BOOTX64.EFI',
    'EFI/kios/0001.efi',
    'EFI/kios/0002.efi',
    'EFI/KIOS/0003.EFI',
    'EFI/systemd/systemd-bootx64.efi',
    'loader/entries/kios-0001.conf',
    'loader/fallback',
    'loader/fallback.tmp',
    'loader/loader.conf',
  ];
  const plan = planDirectBoot([...slots, ...FOR_PEOPLE], 'EFI/kios/0002.efi', 'amd64');
  expect([...plan]).toEqual([
    ['EFI/BOOT/BOOTX64.EFI', 'EFI/kios/0002.efi'],
    ...FOR_PEOPLE.map((name) => [name, name]),
  ]);
});

it('a system that came by an update has its modules where a medium without slots has them', () => {
  const files = [
    'EFI/BOOT/BOOTX64.EFI',
    'EFI/kios/0001.efi',
    'EFI/kios/0002.efi',
    'EFI/kios/0002.mod',
    'kios/modules.erofs',
  ];
  const updated = planDirectBoot(files, 'EFI/kios/0002.efi', 'amd64');
  expect(updated.get('kios/modules.erofs')).toBe('EFI/kios/0002.mod');
  const flashed = planDirectBoot(files, 'EFI/kios/0001.efi', 'amd64');
  expect(flashed.get('kios/modules.erofs')).toBe('kios/modules.erofs');
  expect([...updated.keys()].filter((name) => name.startsWith('EFI/kios'))).toEqual([]);
});

it('a medium that had none stays as it is', () => {
  const files = ['EFI/BOOT/BOOTAA64.EFI', ...FOR_PEOPLE];
  const plan = planDirectBoot(files, 'EFI/BOOT/BOOTAA64.EFI', 'arm64');
  expect([...plan]).toEqual(files.map((name) => [name, name]));
});
