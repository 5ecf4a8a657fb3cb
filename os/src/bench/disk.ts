import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { type DataEntry, writeToData } from '../lab/qemu/data-partition.ts';
import { run } from '../workstation/run.ts';
import { POLL } from './baseline.ts';

/** Folder of the static pods on the data partition: the upper folder of the overlay on /etc. */
export const NODE_PODS = '/meta/etc/kubernetes/manifests';

export type Entries = Readonly<Record<string, DataEntry>>;

/** A disk of its own, which disposing of it removes. */
export interface Disk extends AsyncDisposable {
  readonly file: string;
}

/** Makes a copy of a disk image. `undo` removes it when the command is interrupted. */
export async function copyDisk(image: string, undo: AsyncDisposableStack): Promise<Disk> {
  const dir = await mkdtemp(path.join(tmpdir(), 'kios-growth-'));
  const remove = (): Promise<void> => rm(dir, { recursive: true, force: true });
  undo.defer(remove);
  const file = path.join(dir, 'disk.img');
  await run('cp', ['--sparse=always', '--reflink=auto', image, file]);
  return { file, [Symbol.asyncDispose]: remove };
}

/** Makes a copy of a disk image of kiOS with more files on its data partition. */
export async function diskWith(
  image: string,
  entries: Entries,
  undo: AsyncDisposableStack,
): Promise<Disk> {
  const disk = await copyDisk(image, undo);
  if (Object.keys(entries).length > 0) await writeToData(disk.file, entries);
  return disk;
}

/**
 * Returns arguments of QEMU that boot a disk of kiOS. An idle guest's clock would jump ahead while it waits for the
 * disk, so it polls, as the base line does. The words reach systemd's EFI stub.
 */
export const bootDisk = (disk: string): string[] => [
  '-drive',
  `if=virtio,format=raw,cache=unsafe,file=${disk}`,
  '-smbios',
  `type=11,value=io.systemd.stub.kernel-cmdline-extra=${POLL}`,
];
