export const MIB = 1024 * 1024;
/** Bytes that are read, written and compared at a time. */
export const BLOCK = 4 * MIB;
/** Bytes at the start of a disk that are written last: without them neither firmware nor Linux finds anything. */
export const HEAD = MIB;

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

/** Formats bytes in powers of 1000, as makers of disks count them: `512 B`, `31.9 GB`. */
export function formatBytes(bytes: number): string {
  const power = bytes < 1000 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), UNITS.length - 1);
  const value = bytes / 1000 ** power;
  return `${power === 0 ? value : value.toFixed(1)} ${UNITS[power]}`;
}
