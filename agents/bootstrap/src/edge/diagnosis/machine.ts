import { access, readdir, readFile, statfs } from 'node:fs/promises';
import path from 'node:path';

import { readIfThere } from '@kios/agent';

import type { Card, Disk } from '../../core/diagnosis/signs.ts';
import { mountAt } from '../../core/diagnosis/tables.ts';

const isThere = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

const namesIn = (dir: string): Promise<readonly string[]> => readdir(dir).catch(() => []);

/** The kernel refuses to read the carrier of a card that is switched off (EINVAL), which therefore has none. */
const readNumber = (file: string): Promise<number> =>
  readFile(file, 'latin1').then(Number, () => 0);

/** Reads the machine's network cards. Links without a device are made of others, and virtual functions are for pods. */
export async function readCards(sysfs: string): Promise<readonly Card[]> {
  const dir = path.join(sysfs, 'class/net');
  const cards: Card[] = [];
  for (const name of await namesIn(dir)) {
    const own = path.join(dir, name);
    const isCard = await isThere(path.join(own, 'device'));
    if (!isCard || (await isThere(path.join(own, 'device/physfn')))) continue;
    cards.push({ name, hasCarrier: (await readNumber(path.join(own, 'carrier'))) === 1 });
  }
  return cards;
}

/** Disks that a machine's state can be on. */
const DISK = /^(?:sd|hd|vd|xvd|nvme|mmcblk)/;
/** Parts of a memory chip that are never written. */
const BOOT_AREA = /boot\d+$|rpmb$/;

/** Returns the disks that refuse to be written. */
export async function readProtectedDisks(sysfs: string): Promise<readonly string[]> {
  const dir = path.join(sysfs, 'block');
  const names = (await namesIn(dir)).filter((name) => DISK.test(name) && !BOOT_AREA.test(name));
  const isProtected = await Promise.all(
    names.map(async (name) => (await readNumber(path.join(dir, name, 'ro'))) === 1),
  );
  return names.filter((_, index) => isProtected[index] === true);
}

/** Where the state of the machine is looked at. */
export interface DiskPlaces {
  readonly stateDir: string;
  readonly sysfs: string;
  readonly mountinfo: string;
}

/** A file system without a fixed number of inodes has 0 of 0. */
const share = (free: number, all: number): number => (all === 0 ? 1 : free / all);

/** Reads the file system on which this agent keeps its state, which is that of the node. */
export async function readDisk({
  stateDir,
  sysfs,
  mountinfo,
}: DiskPlaces): Promise<Disk | undefined> {
  const mount = mountAt((await readIfThere(mountinfo)) ?? '', stateDir);
  if (mount === undefined) return undefined;
  const { device, type, isReadOnly } = mount;
  // A disk that is gone has no room to speak of, and the kernel still says what it is.
  const space = await statfs(stateDir).catch(() => undefined);
  const counter = path.join(sysfs, 'fs/ext4', path.basename(device), 'errors_count');
  return {
    device,
    free: space === undefined ? 1 : share(space.bavail, space.blocks),
    freeInodes: space === undefined ? 1 : share(space.ffree, space.files),
    isReadOnly,
    errors: type === 'ext4' ? await readNumber(counter) : 0,
  };
}
