import { type FileHandle, open, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { fileSha256, sha256 } from '../../workstation/digest.ts';
import type { FormatName } from './formats.ts';
import type { Job } from './source.ts';
import { steadyVhd } from './vhd.ts';
import { steadyVhdx } from './vhdx.ts';
import { makeOvf, steadyVmdk } from './vmdk.ts';

type VirtualDisk = Extract<FormatName, 'qcow2' | 'vhd' | 'vhdx' | 'vmdk'>;

interface Kind {
  /** QEMU’s name of the format, and its options. */
  readonly driver: string;
  readonly options?: string;
  /** Replaces what QEMU makes up anew each time. */
  readonly steady?: (file: FileHandle, bytes: number, digest: string) => Promise<void>;
}

const KINDS: Readonly<Record<VirtualDisk, Kind>> = {
  qcow2: { driver: 'qcow2' },
  // With force_size the size is that of the image; else it is rounded to what cylinders, heads and sectors can say.
  vhd: { driver: 'vpc', options: 'subformat=fixed,force_size=on', steady: steadyVhd },
  // Small blocks: a block with one used byte is stored whole.
  vhdx: {
    driver: 'vhdx',
    options: `block_size=${1024 * 1024}`,
    steady: (file, _, digest) => steadyVhdx(file, digest),
  },
  vmdk: {
    driver: 'vmdk',
    options: 'subformat=streamOptimized,adapter_type=lsilogic,hwversion=14',
    steady: (file, _, digest) => steadyVmdk(file, digest),
  },
};

/** Writes the image in a format of virtual disks. Returns the names of the files. */
export async function exportVirtualDisk(
  format: VirtualDisk,
  { source, out, name, exportTools, signal }: Job,
): Promise<string[]> {
  const { driver, options, steady } = KINDS[format];
  const result = `${name}.${format}`;
  const file = path.join(out, result);
  const chosen = options === undefined ? [] : ['-o', options];
  const args = ['convert', '-f', 'raw', '-O', driver, ...chosen, source.image, file];
  await exportTools.run('usr/bin/qemu-img', args, { signal });
  if (steady !== undefined) {
    await using written = await open(file, 'r+');
    await steady(written, (await written.stat()).size, source.sha256);
  }
  return format === 'vmdk'
    ? [result, ...(await describeForVmware(result, file, out, source))]
    : [result];
}

/** Writes the OVF of a VMDK, and the manifest with the digests of both. */
async function describeForVmware(
  disk: string,
  file: string,
  out: string,
  { bytes, release }: Job['source'],
): Promise<string[]> {
  const name = disk.replace(/\.vmdk$/, '');
  const { size } = await stat(file);
  const ovf = makeOvf({
    name,
    file: disk,
    fileBytes: size,
    diskBytes: bytes,
    version: release.version,
  });
  await writeFile(path.join(out, `${name}.ovf`), ovf);
  const digests = [
    [`${name}.ovf`, sha256(ovf)],
    [disk, await fileSha256(file)],
  ];
  const manifest = digests.map(([of, digest]) => `SHA256(${of})= ${digest}\n`);
  await writeFile(path.join(out, `${name}.mf`), manifest.join(''));
  return [`${name}.ovf`, `${name}.mf`];
}
