import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';

import { decodeGpt, GPT_BYTES, TYPE } from '../../build/formats/gpt.ts';
import { run } from '../../workstation/run.ts';

/** Where the first partition of kiOS's data type (docs/host-api.md section 3) starts, in bytes. */
export async function findDataPartition(disk: string): Promise<number> {
  await using file = await open(disk);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(GPT_BYTES), 0, GPT_BYTES, 0);
  const partitions = decodeGpt(buffer.subarray(0, bytesRead)) ?? [];
  const data = partitions.find(({ type }) => type === TYPE.data);
  if (data !== undefined) return data.offset;
  throw new KiosError('KIOS_DISK_IMAGE', `find kiOS's data partition in ${disk}`, {
    exitCode: EXIT.data,
  });
}

/** Returns the data partition of a disk image as the tools of ext4 are told of it. */
export const dataPartition = async (disk: string): Promise<string> =>
  `${disk}?offset=${await findDataPartition(disk)}`;

/** Runs commands of debugfs(8), which needs no mount, on an ext4 file system. */
export async function debugfs(device: string, commands: readonly string[]): Promise<string> {
  const input = `${commands.join('\n')}\n`;
  return run('/usr/sbin/debugfs', ['-w', '-f', '-', device], { input });
}

/** Returns the names in a folder of the data partition of a disk that no machine uses; none if it does not exist. */
export async function listData(disk: string, folder: string): Promise<string[]> {
  const listing = await debugfs(await dataPartition(disk), [`ls -p ${folder}`]);
  // /INODE/MODE/UID/GID/NAME/SIZE/
  const names = [...listing.matchAll(/^\/\d+\/\d+\/\d+\/\d+\/([^/]+)\//gm)].map(
    ([, name = '']) => name,
  );
  return names.filter((name) => name !== '.' && name !== '..');
}

const parents = (file: string): string[] => {
  const parts = path.dirname(file).split('/').slice(1);
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`);
};

/** A file with this content, a link to this target, or a FIFO. */
export type DataEntry =
  | { readonly content: string | Uint8Array; readonly mode?: number }
  | { readonly link: string }
  | { readonly fifo: true };

/** Adds entries, by path, to an ext4 file system that no machine uses, and makes missing folders. */
export async function writeToExt4(
  device: string,
  entries: Readonly<Record<string, DataEntry>>,
): Promise<void> {
  const dir = await mkdtemp(path.join(tmpdir(), 'kios-data-'));
  const commands = [...new Set(Object.keys(entries).flatMap(parents))].map((at) => `mkdir ${at}`);
  try {
    for (const [index, [file, entry]] of Object.entries(entries).entries()) {
      const source = path.join(dir, String(index));
      if ('link' in entry) commands.push(`symlink ${file} ${entry.link}`);
      else if ('fifo' in entry)
        commands.push(`cd ${path.dirname(file)}`, `mknod ${path.basename(file)} p`, 'cd /');
      else {
        await writeFile(source, entry.content, { mode: entry.mode ?? 0o644 });
        commands.push(`write ${source} ${file}`);
      }
    }
    await debugfs(device, commands);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Adds entries, by path, to the data partition of a disk that no machine uses, and makes missing folders. */
export const writeToData = async (
  disk: string,
  entries: Readonly<Record<string, DataEntry>>,
): Promise<void> => writeToExt4(await dataPartition(disk), entries);
