import { readFile } from 'node:fs/promises';
import path from 'node:path';

import type { Arch } from '../../workstation/paths.ts';
import type { Progress } from '../../workstation/progress.ts';
import { extract, fetchDebian } from '../sources/debian/archive.ts';

const FILE = { amd64: 'linuxx64.efi.stub', arm64: 'linuxaa64.efi.stub' } as const;

/** Reads systemd's EFI stub, the program that firmware starts. */
export async function readStub(arch: Arch, progress: Progress): Promise<{ bytes: Buffer }> {
  const root = await extract(await fetchDebian({ arch, packages: ['systemd-boot-efi'], progress }));
  return { bytes: await readFile(path.join(root, 'usr/lib/systemd/boot/efi', FILE[arch])) };
}
