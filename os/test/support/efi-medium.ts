import type { Tree } from '../../src/build/formats/tree.ts';
import { efiMediumFiles } from '../../src/build/image/efi-medium.ts';
import type { Arch } from '../../src/workstation/paths.ts';

const standIn = (name: string) => ({
  bytes: Buffer.from(`the ${name}`),
  origin: { name, version: '1', kind: 'kios' } as const,
});

/** Returns what a medium with this EFI file starts from, with stand-ins for the programs before it. */
export const mediumWith = (efi: string, arch: Arch = 'amd64'): Tree =>
  efiMediumFiles({
    arch,
    efi,
    version: '1.2.3',
    guard: standIn('guard'),
    loader: standIn('loader'),
  });
