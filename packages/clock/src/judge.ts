import { isSane } from '@kios/node-state';

import type { Reading } from './reading.ts';

/** The largest error bound of a synced clock, as strict as certificates and tokens need. */
export const MAX_ERROR_SECONDS = 1;

/** Returns whether a time source disciplines the clock closely enough. */
export const isSynced = (
  { synchronised, maxErrorSeconds }: Pick<Reading, 'synchronised' | 'maxErrorSeconds'>,
  limit: number = MAX_ERROR_SECONDS,
): boolean => synchronised && maxErrorSeconds <= limit;

/** Returns why a wall clock is certainly wrong, as a clause that begins with `it`; undefined for a sane one. */
export function insanityOf(now: number, floor: number): string | undefined {
  if (isSane(now, floor)) return undefined;
  const side = now < floor ? 'before' : 'twenty years or more after';
  return `it says ${formatTime(now)}, ${side} ${formatTime(floor)}, which is the earliest possible time`;
}

const formatTime = (ms: number): string => new Date(ms).toISOString().slice(0, 19) + 'Z';
