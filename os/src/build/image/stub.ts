import { readFile } from 'node:fs/promises';
import path from 'node:path';

import type { Arch } from '../../workstation/paths.ts';
import type { Progress } from '../../workstation/progress.ts';
import { makeUki } from '../formats/uki.ts';
import { extract, fetchDebian } from '../sources/debian/archive.ts';

const FILE = { amd64: 'linuxx64.efi.stub', arm64: 'linuxaa64.efi.stub' } as const;
const ADDON_FILE = { amd64: 'addonx64.efi.stub', arm64: 'addonaa64.efi.stub' } as const;

async function readEfi(
  files: Readonly<Record<Arch, string>>,
  arch: Arch,
  progress: Progress,
): Promise<Buffer> {
  const root = await extract(await fetchDebian({ arch, packages: ['systemd-boot-efi'], progress }));
  return readFile(path.join(root, 'usr/lib/systemd/boot/efi', files[arch]));
}

/** Reads systemd's EFI stub, the program that firmware starts. */
export async function readStub(arch: Arch, progress: Progress): Promise<{ bytes: Buffer }> {
  return { bytes: await readEfi(FILE, arch, progress) };
}

/**
 * Makes an addon, from which that stub takes more words for the kernel command line (systemd-stub(7)). Without a
 * signature it counts only where Secure Boot is off.
 */
export async function makeAddon(arch: Arch, words: string, progress: Progress): Promise<Buffer> {
  const stub = await readEfi(ADDON_FILE, arch, progress);
  return makeUki(stub, [{ name: '.cmdline', content: Buffer.from(words) }]);
}
