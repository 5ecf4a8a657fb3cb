import { openSync, writeSync } from 'node:fs';

const LARGE = Buffer.alloc(4 << 20, 1);
const SMALL = LARGE.subarray(0, 512);

/** Writes until the file system is full to the last block, and returns the number of bytes. The file stays open. */
export function fillDisk(path: string): number {
  const file = openSync(path, 'w');
  let bytes = 0;
  for (const chunk of [LARGE, SMALL])
    try {
      for (;;) bytes += writeSync(file, chunk);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
    }
  return bytes;
}
