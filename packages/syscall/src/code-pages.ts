import { readFileSync } from 'node:fs';

import { libc } from './libc.ts';

/** From linux/mman.h. */
const MADV_DONTNEED = 4;

/** A mapping of machine code from a file, as proc_pid_maps(5) prints it. Other private mappings may hold what was written to them. */
const TEXT = /^([0-9a-f]+)-([0-9a-f]+) r-xp \S+ \S+ \d+ +\//;

/**
 * Unmaps the machine code that this process has touched so far. What it needs again comes back with its next use, from the page cache as
 * long as it is there; the rest, most of a runtime's start, is the kernel's to drop. Answers how many bytes were looked at.
 */
export function shedText(): number {
  let bytes = 0;
  for (const line of readFileSync('/proc/self/maps', 'latin1').split('\n')) {
    const [, from, to] = TEXT.exec(line) ?? [];
    if (from === undefined || to === undefined) continue;
    const address = BigInt(`0x${from}`);
    const length = Number(BigInt(`0x${to}`) - address);
    // It is advice: where the kernel does not take it, nothing is lost.
    if (libc.madvise()(address, length, MADV_DONTNEED) === 0) bytes += length;
  }
  return bytes;
}
