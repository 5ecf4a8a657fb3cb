import { expect, it } from 'vitest';

import { formatDiskSize, formatSize } from '../../../../src/workstation/terminal/size.ts';

it.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.0 KiB'],
  [1536, '1.5 KiB'],
  [-2048, '-2.0 KiB'],
  [1024 ** 2 - 1, '1.0 MiB'],
  [149_127_680, '142.2 MiB'],
  [2 * 1024 ** 4, '2.0 TiB'],
  [3000 * 1024 ** 4, '3000.0 TiB'],
])('formats %d bytes as %s', (bytes, text) => expect(formatSize(bytes)).toBe(text));

it.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 kB'],
  [999_960_000, '1.0 GB'],
  [31_914_983_424, '31.9 GB'],
  [2_000_398_934_016, '2.0 TB'],
])('formats a disk of %d bytes as %s', (bytes, text) => expect(formatDiskSize(bytes)).toBe(text));
