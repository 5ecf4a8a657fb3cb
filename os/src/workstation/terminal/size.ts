/**
 * Two scales, because people compare with two: a file with what `ls -h` and the limits of pods say, in powers of 1024,
 * and a disk with what is printed on it, in powers of 1000.
 */
const BINARY = { base: 1024, units: ['B', 'KiB', 'MiB', 'GiB', 'TiB'] } as const;
const DECIMAL = { base: 1000, units: ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] } as const;

type Scale = typeof BINARY | typeof DECIMAL;

function format(bytes: number, { base, units }: Scale): string {
  let [value, unit] = [bytes, 0];
  // A value that would be rounded to the base is one of the next unit.
  while (Math.abs(value) >= base - 0.05 && unit < units.length - 1) {
    value /= base;
    unit += 1;
  }
  return unit === 0 ? `${value} B` : `${value.toFixed(1)} ${units[unit]}`;
}

/** Formats the size of a file, or of a part of one: `0 B`, `512 B`, `1.5 KiB`, `142.2 MiB`. */
export const formatSize = (bytes: number): string => format(bytes, BINARY);

/** Formats the size of a disk, and of what is written to it: `512 B`, `31.9 GB`. */
export const formatDiskSize = (bytes: number): string => format(bytes, DECIMAL);
