import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { fileSha256, sha256 } from '../../workstation/digest.ts';
import { efiFile, type Job } from './source.ts';

const EFI = 'kios.efi';

/**
 * For iPXE. It passes no words: those behind the name would replace the kernel command line in the file, hardening
 * included.
 */
const IPXE = `#!ipxe
chain ${EFI}
`;

/** Writes a folder for a network boot server. */
export async function exportPxe({ source, out, name }: Job): Promise<string> {
  const result = `${name}-netboot`;
  const folder = path.join(out, result);
  await mkdir(folder);
  await copyFile(efiFile(source), path.join(folder, EFI));
  await writeFile(path.join(folder, 'boot.ipxe'), IPXE);
  const sums = [
    `${await fileSha256(path.join(folder, EFI))}  ${EFI}\n`,
    `${sha256(IPXE)}  boot.ipxe\n`,
  ];
  await writeFile(path.join(folder, 'SHA256SUMS'), sums.join(''));
  return result;
}
