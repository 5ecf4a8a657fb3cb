import { type FileHandle, stat } from 'node:fs/promises';
import path from 'node:path';

import { decodeGpt, diskGuid, type PlacedPartition, TYPE } from '../../build/formats/gpt.ts';
import type { Toolroot } from '../../build/sources/debian/toolroot.ts';
import { fileSha256 } from '../../workstation/digest.ts';
import { pathsBelow } from '../../workstation/paths-below.ts';
import { copyBootPartition } from '../boot-partition.ts';
import { readAt, TABLE_BYTES } from '../kind.ts';
import { type BootKind, findBoot, startsWith } from './boot.ts';
import { readFileSystem } from './file-system.ts';
import type { InspectedDisk, InspectedPartition, NamedPart } from './model.ts';

const TYPE_NAMES: Readonly<Record<string, string>> = {
  [TYPE.esp]: 'EFI system',
  [TYPE.data]: 'kiOS data',
};

async function describe(
  file: FileHandle,
  { type, ...place }: PlacedPartition,
): Promise<InspectedPartition> {
  const fileSystem = await readFileSystem(file, place.offset);
  return {
    ...place,
    type: TYPE_NAMES[type] ?? type,
    ...(fileSystem === undefined ? {} : { fileSystem }),
  };
}

/** Reads a disk and copies its boot partition into `into`. Returns what firmware starts from there. */
export async function inspectDisk(
  name: string,
  file: FileHandle,
  into: string,
  tools: Toolroot,
): Promise<{ readonly disk: InspectedDisk; readonly boot: BootKind }> {
  const start = await readAt(file, 0, TABLE_BYTES);
  const partitions = decodeGpt(start);
  if (partitions === undefined) throw new Error('its partition table is damaged');
  const esp = partitions.find(({ type }) => type === TYPE.esp);
  if (esp === undefined) throw new Error('it has no EFI system partition');
  await copyBootPartition(name, esp, into, tools);
  const { files: names } = await pathsBelow(into);
  const boot = await findBoot(into, names);
  const files: NamedPart[] = [];
  for (const file of names) {
    const at = path.join(into, file);
    files.push({ name: file, ...(await partOf(at)) });
  }
  return {
    boot,
    disk: {
      guid: diskGuid(start) ?? '',
      partitions: await Promise.all(partitions.map((partition) => describe(file, partition))),
      files,
      starts: startsWith(boot),
    },
  };
}

const partOf = async (file: string) => ({
  bytes: (await stat(file)).size,
  sha256: await fileSha256(file),
});
