import { realpath } from 'node:fs/promises';

import { EXIT, KiosError } from '@kios/errors';

import type { Mode } from '../device/block-device.ts';
import type { Disk } from './disk.ts';
import { findDisk } from './lsblk.ts';
import { refusalOf, type Wanted } from './refusal.ts';

const refused = (name: string, reason: string, remedy: string): KiosError =>
  new KiosError('KIOS_FLASH_REFUSED', `use ${name}: ${reason}`, {
    exitCode: EXIT.unavailable,
    remedy,
  });

/** Returns the block device of a name (`sdb`), a path, or a link such as those in /dev/disk/by-id. */
export async function resolveDisk(name: string): Promise<Disk> {
  const path = name.includes('/') ? name : `/dev/${name}`;
  const real = await realpath(path).catch(() => undefined);
  const disk = real === undefined ? undefined : await findDisk(real);
  if (disk === undefined)
    throw refused(
      name,
      real === undefined ? 'there is no such device' : 'it is no block device',
      'See ./kios flash --list.',
    );
  return disk;
}

/** Throws the reason why a disk is not written to, or read, if there is one. */
export function checkDisk(disk: Disk, wanted: Wanted, mode: Mode = 'write'): void {
  const refusal = refusalOf(disk, wanted, mode);
  if (refusal !== undefined) throw refused(disk.path, refusal.reason, refusal.remedy);
}

/** What a script says of the disk that it means, in place of a person who looks at it. */
export interface Expected {
  readonly serial: string | undefined;
  readonly size: number | undefined;
}

/** Throws unless the disk is the one that a script means. */
export function checkExpected(disk: Disk, { serial, size }: Expected): void {
  const fault =
    serial !== undefined && serial !== disk.serial
      ? `its serial number is ${disk.serial ?? 'unknown'}, not ${serial}`
      : size !== undefined && size !== disk.bytes
        ? `it has ${disk.bytes} bytes, not ${size}`
        : undefined;
  if (fault === undefined) return;
  throw new KiosError('KIOS_FLASH_CHANGED', `write to ${disk.path}: ${fault}`, {
    exitCode: EXIT.unavailable,
    remedy: 'Look at ./kios flash --list: names of disks change when one is plugged in.',
  });
}

/** Throws unless a person typed the disk's name, which nobody types by mistake. */
export function checkTyped(disk: Disk, typed: string): void {
  if (typed === disk.name || typed === disk.path) return;
  throw new KiosError('KIOS_FLASH_UNCONFIRMED', `write to ${disk.path}: its name was not typed`, {
    exitCode: EXIT.usage,
    remedy: 'Nothing was written.',
  });
}
