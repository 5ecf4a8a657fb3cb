const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** Formats bytes for people: `0 B`, `512 B`, `1.5 KiB`, `142.2 MiB`. */
export function formatSize(bytes: number): string {
  let [value, unit] = [bytes, 0];
  // A value that rounds to 1024.0 is one of the next unit.
  while (Math.abs(value) >= 1023.95 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return unit === 0 ? `${value} B` : `${value.toFixed(1)} ${UNITS[unit]}`;
}
