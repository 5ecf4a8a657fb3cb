import { readFile } from 'node:fs/promises';
import path from 'node:path';

import type { Arch } from '../../workstation/paths.ts';
import type { Progress } from '../../workstation/progress.ts';
import type { Origin } from '../formats/tree.ts';
import { makeUki } from '../formats/uki.ts';
import { extract, fetchDebian } from '../sources/debian/archive.ts';

const FILE = { amd64: 'linuxx64.efi.stub', arm64: 'linuxaa64.efi.stub' } as const;
const ADDON_FILE = { amd64: 'addonx64.efi.stub', arm64: 'addonaa64.efi.stub' } as const;
const LOADER_FILE = { amd64: 'systemd-bootx64.efi', arm64: 'systemd-bootaa64.efi' } as const;

/** A program that runs before the kernel. */
export interface BootProgram {
  readonly bytes: Buffer;
  readonly origin: Origin;
}

async function readEfi(
  files: Readonly<Record<Arch, string>>,
  arch: Arch,
  progress: Progress,
): Promise<BootProgram> {
  const debs = await fetchDebian({ arch, packages: ['systemd-boot-efi'], progress });
  const root = await extract(debs);
  const { name, version, sha256 } = debs[0]!;
  return {
    bytes: await readFile(path.join(root, 'usr/lib/systemd/boot/efi', files[arch])),
    origin: { name, version, kind: 'deb', sha256 },
  };
}

/** Reads systemd's EFI stub, the first program of a node's EFI file. */
export const readStub = (arch: Arch, progress: Progress): Promise<BootProgram> =>
  readEfi(FILE, arch, progress);

/** Reads systemd-boot, which chooses among the EFI files of a medium. */
export const readLoader = (arch: Arch, progress: Progress): Promise<BootProgram> =>
  readEfi(LOADER_FILE, arch, progress);

/**
 * Makes an addon, from which that stub takes more words for the kernel command line (systemd-stub(7)). Without a
 * signature it counts only where Secure Boot is off.
 */
export async function makeAddon(arch: Arch, words: string, progress: Progress): Promise<Buffer> {
  const { bytes: stub } = await readEfi(ADDON_FILE, arch, progress);
  return makeUki(stub, [{ name: '.cmdline', content: Buffer.from(words) }]);
}
