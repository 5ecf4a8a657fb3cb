import { formatDiskSize } from '../../workstation/terminal/size.ts';
import type { Mode } from '../device/block-device.ts';
import type { Disk } from './disk.ts';

/** The reason why a disk is not written to, as a clause about "it", and the way to change that. */
export interface Refusal {
  readonly reason: string;
  readonly remedy: string;
}

export interface Wanted {
  /** Bytes of the image; undefined while they are not known. */
  readonly bytes: number | undefined;
  readonly allowLarge: boolean;
}

/** Memory cards and the disks of small machines are no larger; the backup disk on the same table is. */
export const LARGE_BYTES = 256 * 1024 ** 3;
const SECTOR_BYTES = 512;
const OTHER_DISK = 'Choose another disk; ./kios flash --list shows them.';

/** Places where only the running system mounts something. */
const SYSTEM = /^(?:\/|\/(?:boot|efi|usr|var|home|nix|etc|opt|srv)(?:\/.*)?|\[SWAP\])$/;
/** Block devices that lsblk calls disks and that hold nothing a machine starts from. */
const NO_DISK: readonly (readonly [name: RegExp, reason: string])[] = [
  [/^z?ram\d+$/, 'it is memory, not a disk'],
  [/^mmcblk\d+(?:boot\d+|rpmb|gp\d+)$/, 'it is a special area of an eMMC'],
];

type Rule = (disk: Disk, wanted: Wanted) => Refusal | undefined;

const refuse = (reason: string, remedy = OTHER_DISK): Refusal => ({ reason, remedy });

const byKind: Rule = ({ name, type, parent }) => {
  if (type === 'part')
    return refuse(
      'it is a partition',
      `Name its disk, /dev/${parent ?? '…'}, if all of that may be lost.`,
    );
  if (type !== 'disk' && type !== 'loop') return refuse(`it is no disk (${type})`);
  const known = NO_DISK.find(([pattern]) => pattern.test(name));
  return known === undefined ? undefined : refuse(known[1]);
};

const bySystem: Rule = ({ volumes }) => {
  const point = volumes.flatMap(({ mountpoints }) => mountpoints).find((at) => SYSTEM.test(at));
  return point === undefined ? undefined : refuse(`the running system uses it (${point})`);
};

const byMount: Rule = ({ volumes }) => {
  const mounted = volumes.find(({ mountpoints }) => mountpoints.length > 0);
  if (mounted === undefined) return undefined;
  const at = mounted.mountpoints[0] ?? '';
  return refuse(`${mounted.path} is mounted at ${at}`, `Unmount it first: umount ${mounted.path}.`);
};

const byUse: Rule = ({ volumes }) => {
  const user = volumes.find(({ type }) => !['disk', 'part', 'loop'].includes(type));
  return user && refuse(`${user.path} (${user.type}) uses it`, `Stop ${user.path} first.`);
};

const byMedium: Rule = ({ bytes }) =>
  bytes === 0 ? refuse('there is no medium in it', 'Insert a card or disk.') : undefined;

const byLock: Rule = ({ readOnly }) =>
  readOnly
    ? refuse('it is write-protected', 'Move the lock on the card or its adapter.')
    : undefined;

const bySector: Rule = ({ sectorBytes }) =>
  sectorBytes === SECTOR_BYTES
    ? undefined
    : refuse(`its sectors have ${sectorBytes} bytes, and the image is made for ${SECTOR_BYTES}`);

const byRoom: Rule = (disk, { bytes }) =>
  bytes !== undefined && disk.bytes < bytes
    ? refuse(
        `it is too small: it holds ${formatDiskSize(disk.bytes)}, the image needs ${formatDiskSize(bytes)}`,
      )
    : undefined;

const bySize: Rule = (disk, { allowLarge }) =>
  disk.bytes > LARGE_BYTES && !allowLarge
    ? refuse(
        `with ${formatDiskSize(disk.bytes)} it may hold somebody’s data`,
        'Add --large if it is the right disk.',
      )
    : undefined;

/** Reading harms nothing, so only what cannot hold an image is refused then. */
const RULES: Readonly<Record<Mode, readonly Rule[]>> = {
  read: [byKind, byMedium, bySector, byRoom],
  write: [byKind, bySystem, byMount, byUse, byMedium, byLock, bySector, byRoom, bySize],
};

/** Returns why a disk is not written to, or read; undefined for one that may be. */
export function refusalOf(disk: Disk, wanted: Wanted, mode: Mode = 'write'): Refusal | undefined {
  for (const rule of RULES[mode]) {
    const refusal = rule(disk, wanted);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

/** Whether a list of disks shows it, be it as refused: what people can point at. */
export const isListed = ({ name, type }: Disk): boolean =>
  type === 'disk' && !NO_DISK.some(([pattern]) => pattern.test(name)) && !/^nbd\d+$/.test(name);
