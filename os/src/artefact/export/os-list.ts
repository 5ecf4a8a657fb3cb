import { stat, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { fileSha256 } from '../../workstation/digest.ts';
import type { Board } from '../../workstation/paths.ts';
import { exportRaw } from './raw.ts';
import type { Job } from './source.ts';

/** Raspberry Pi Imager takes the list by any name; this is the one that people know. */
const OS_LIST = 'os_list.json';

/** Settings of the entry in Raspberry Pi Imager’s list. */
export interface ListOptions {
  /** Where the files will be published, such as `https://example.com/kios`. */
  readonly url: string;
  /** Imager’s tags of the boards that the image is for, such as `pi4-64bit`. */
  readonly devices: readonly string[];
}

/** What people call a board, and Imager’s tags for it. */
const BOARD_ENTRY: Readonly<Record<Board, { readonly name: string; readonly devices: string[] }>> =
  {
    rpi4: { name: 'Raspberry Pi 4', devices: ['pi4-64bit'] },
  };

const ICON =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect width='32' height='32' rx='6' fill='%23326ce5'/%3E%3Cpath d='M10 7v18M22 8l-9 8 9 8' stroke='white' stroke-width='3' fill='none'/%3E%3C/svg%3E";

/** Describes a compressed image for Raspberry Pi Imager (its doc/json-schema/os-list-schema.json). */
async function osList(
  { source, out }: Job,
  compressed: string,
  { url, devices }: ListOptions,
): Promise<string> {
  const { version, arch, buildTime } = source.release;
  const file = path.join(out, compressed);
  const board = source.kind.board === undefined ? undefined : BOARD_ENTRY[source.kind.board];
  const entry = {
    name: `kiOS ${version} (${board?.name ?? arch})`,
    description: 'A machine that is nothing but a Kubernetes node',
    icon: ICON,
    url: `${url.replace(/\/+$/, '')}/${compressed}`,
    extract_size: source.bytes,
    extract_sha256: source.sha256,
    image_download_size: (await stat(file)).size,
    image_download_sha256: await fileSha256(file),
    release_date: buildTime.slice(0, 10),
    devices: devices.length === 0 ? (board?.devices ?? []) : devices,
    // Imager’s dialog writes NoCloud files to the boot partition, where a node looks for them.
    init_format: 'cloudinit',
  };
  return `${JSON.stringify({ os_list: [entry] }, undefined, 2)}\n`;
}

/** Writes the compressed image and the list that names it. */
export async function exportOsList(job: Job, options: ListOptions): Promise<string[]> {
  const compressed = await exportRaw(job);
  await writeFile(path.join(job.out, OS_LIST), await osList(job, compressed, options));
  return [compressed, OS_LIST];
}
