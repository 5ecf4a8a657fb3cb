import { readFileSync } from 'node:fs';

import { libc } from './libc.ts';

/** From linux/mman.h. */
const MADV_DONTNEED = 4;

/** A mapping of machine code from a file in proc_pid_maps(5). Other private mappings may hold written data. */
const CODE = /^([0-9a-f]+)-([0-9a-f]+) r-xp \S+ \S+ \d+ +\//;

/**
 * Unmaps the machine code that this process has used so far. The next use maps it again, from the page cache if it is
 * still there. The kernel may drop the rest, such as most of the runtime's startup. Returns the unmapped size in bytes.
 */
export function releaseCodePages(): number {
  let bytes = 0;
  for (const line of readFileSync('/proc/self/maps', 'latin1').split('\n')) {
    const [, from, to] = CODE.exec(line) ?? [];
    if (from === undefined || to === undefined) continue;
    const address = BigInt(`0x${from}`);
    const length = Number(BigInt(`0x${to}`) - address);
    // The call is advice: a kernel that does not take it changes nothing.
    if (libc.madvise()(address, length, MADV_DONTNEED) === 0) bytes += length;
  }
  return bytes;
}
