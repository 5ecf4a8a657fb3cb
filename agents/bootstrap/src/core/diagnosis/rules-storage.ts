import type { Finding } from './catalogue.ts';
import type { Disk, Signs } from './signs.ts';

type Rule = (signs: Signs) => Finding | undefined;

/** kubelet evicts pods below 10 % of the space and 5 % of the inodes. */
const LEAST = { free: 0.1, freeInodes: 0.05 };
const percent = (share: number): string => `${Math.round(share * 100)} %`;

function spaceFault({ device, free, freeInodes }: Disk): Finding | undefined {
  if (free >= LEAST.free && freeInodes >= LEAST.freeInodes) return undefined;
  const what =
    free < LEAST.free ? `${percent(free)} of its space` : `${percent(freeInodes)} of its inodes`;
  return { code: 'KIOS_FAULT_DISK_FULL', cause: `keep room on ${device}: ${what} is free` };
}

function damageFault({ device, errors, isReadOnly }: Disk): Finding | undefined {
  if (errors > 0)
    return {
      code: 'KIOS_FAULT_DATA_DAMAGED',
      cause: `trust the file system of ${device}: it has recorded ${errors} faults`,
    };
  return isReadOnly
    ? {
        code: 'KIOS_FAULT_DATA_DAMAGED',
        cause: `write to ${device}: the kernel has made it read-only after a fault`,
      }
    : undefined;
}

/** A data partition that cannot be used is a fault in init's words, which have the device and the cause. */
const OF_DATA = ['KIOS_INIT_DATA_TWICE', 'KIOS_INIT_DATA'];
const OF_ENCRYPTION = /^KIOS_INIT_CRYPT_/;

function dataFault({ isDataFailed, init }: Signs): Finding | undefined {
  if (!isDataFailed) return undefined;
  return init.find(({ code }) => OF_DATA.includes(code) || OF_ENCRYPTION.test(code));
}

/** Returns whether a text names a disk or one of its partitions, as `/dev/sda2` or `/dev/nvme0n1p2`. */
function namesDisk(text: string, disk: string): boolean {
  const partition = /\d$/.test(disk) ? String.raw`p\d+` : String.raw`\d+`;
  return new RegExp(String.raw`/dev/${disk}(?:${partition})?\b`).test(text);
}

/**
 * Returns the write protection of the disk that has the state. Others may have it: a seed's, a CD. A disk that gets it
 * while its file system is mounted leaves that writable by name.
 */
function protectionFault(signs: Signs): Finding | undefined {
  const { protectedDisks, disk } = signs;
  const where = dataFault(signs)?.cause ?? disk?.device ?? '';
  const found = protectedDisks.filter((name) => namesDisk(where, name));
  if (found.length === 0) return undefined;
  return {
    code: 'KIOS_FAULT_READ_ONLY',
    cause: `write to ${found.join(', ')}: the medium is write-protected`,
  };
}

const storeFault: Rule = ({ init }) => init.find(({ code }) => code === 'KIOS_INIT_STORE');

const storageFault: Rule = (signs) =>
  protectionFault(signs) ?? dataFault(signs) ?? (signs.disk && damageFault(signs.disk));

const roomFault: Rule = ({ disk }) => (disk === undefined ? undefined : spaceFault(disk));

/** Returns the faults of the disk with the state, and of what lies on it. */
export const storageFaults = (signs: Signs): readonly (Finding | undefined)[] => [
  storageFault(signs),
  storeFault(signs),
  roomFault(signs),
];
