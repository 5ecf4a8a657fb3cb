import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';

import { run } from '../../workstation/run.ts';

const SECTOR = 512;
const HEADER_BYTES = 92;
/** docs/host-api.md, section 3: 97aac693-d920-465a-94fe-eb59fc86dfaa, as GPT stores it (three little-endian fields first). */
const DATA_TYPE = '93c6aa9720d95a4694feeb59fc86dfaa';

/** Where the first partition of kiOS's data type starts, in bytes. UEFI 2.10, section 5.3. */
export async function findDataPartition(disk: string): Promise<number> {
  await using file = await open(disk);
  const read = async (position: number, length: number): Promise<Buffer> => {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
    return buffer.subarray(0, bytesRead);
  };
  const header = await read(SECTOR, HEADER_BYTES);
  if (header.length === HEADER_BYTES && header.toString('latin1', 0, 8) === 'EFI PART') {
    const size = header.readUInt32LE(84);
    const table = await read(
      Number(header.readBigUInt64LE(72)) * SECTOR,
      header.readUInt32LE(80) * size,
    );
    for (let at = 0; at + size <= table.length; at += size)
      if (table.toString('hex', at, at + 16) === DATA_TYPE)
        return Number(table.readBigUInt64LE(at + 32)) * SECTOR;
  }
  throw new KiosError('KIOS_DISK_IMAGE', `find kiOS's data partition in ${disk}`, {
    exitCode: EXIT.data,
  });
}

/** Runs commands of debugfs(8), which needs no mount, on the data partition of a disk image. */
async function debugfs(disk: string, commands: readonly string[]): Promise<string> {
  const device = `${disk}?offset=${await findDataPartition(disk)}`;
  const input = `${commands.join('\n')}\n`;
  return run('/usr/sbin/debugfs', ['-w', '-f', '-', device], { input });
}

const parents = (file: string): string[] => {
  const parts = path.dirname(file).split('/').slice(1);
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`);
};

/** Writes a file to the data partition of a disk that no machine uses, and makes missing folders. */
export async function writeToData(disk: string, file: string, content: string): Promise<void> {
  const dir = await mkdtemp(path.join(tmpdir(), 'kios-data-'));
  try {
    const source = path.join(dir, 'content');
    await writeFile(source, content, { mode: 0o644 });
    const folders = parents(file).map((folder) => `mkdir ${folder}`);
    await debugfs(disk, [...folders, `write ${source} ${file}`]);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
