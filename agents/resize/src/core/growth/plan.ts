/** From linux/magic.h. */
const EXT4 = 0xef53;

/** A file system and the device that it lies on. */
export interface Volume {
  /** Magic number as statfs(2) reports it. */
  readonly type: number;
  readonly blockBytes: number;
  /** Size that the file system has for files, without its own tables. */
  readonly bytes: number;
  /** Undefined when no block device holds the file system, as for one in RAM. */
  readonly deviceBytes: number | undefined;
}

export type Plan =
  /** The number of blocks that the device has room for. */
  { readonly blocks: number } | { readonly skip: string };

/** Decides what to ask of the kernel. It changes nothing when the file system already has so many blocks. */
export function planGrowth({ type, blockBytes, bytes, deviceBytes }: Volume): Plan {
  if (deviceBytes === undefined) return { skip: 'all state is in RAM' };
  if (type !== EXT4) return { skip: 'it is not ext4' };
  if (deviceBytes <= bytes) return { skip: 'it has the size of its partition' };
  return { blocks: Math.floor(deviceBytes / blockBytes) };
}

/** Returns the major and minor number in a device number as stat(2) reports it on Linux. */
export function splitDevice(device: bigint): { readonly major: number; readonly minor: number } {
  return {
    major: Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n)),
    minor: Number((device & 0xffn) | ((device >> 12n) & 0xffffff00n)),
  };
}

/** The kernel's refusals that an operator can act on. */
const REMEDIES: Readonly<Record<string, string>> = {
  EPERM:
    'Add SYS_RESOURCE to the container, or repair the file system on another machine: one with errors does not grow.',
  EROFS:
    'Mount the folder with the right to write; if it has that, the file system has become read-only.',
  EBUSY: 'Nothing: another instance makes it larger now.',
};

export const remedyFor = (errno: string): string =>
  REMEDIES[errno] ?? 'The node runs with the old size. Read the kernel’s log.';
