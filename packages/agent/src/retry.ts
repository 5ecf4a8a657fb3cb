/** The delays between attempts: `firstMs` after the first, then multiplied by `factor` (2), up to `maxMs`. */
export interface RetrySchedule {
  readonly firstMs: number;
  readonly maxMs: number;
  readonly factor?: number;
  /** The share of the delay, 0 to 1, that `entropy` may subtract or add. */
  readonly jitter?: number;
}

/** Returns the delay after `failures` failures in a row (1 is the first). `entropy` is in [0, 1). */
export function retryDelay(schedule: RetrySchedule, failures: number, entropy = 0.5): number {
  const factor = schedule.factor ?? 2;
  // A bound on the exponent keeps Infinity out of the product, however often a daemon fails.
  const grown = schedule.firstMs * factor ** Math.min(Math.max(failures - 1, 0), 64);
  const delay = Math.min(grown, schedule.maxMs);
  return Math.round(delay * (1 + (schedule.jitter ?? 0) * (2 * entropy - 1)));
}

/** Counts failures for `retryDelay`: call `next` after each failure and `reset` after a success. */
export function backoff(schedule: RetrySchedule): { next: () => number; reset: () => void } {
  let failures = 0;
  return {
    next: () => retryDelay(schedule, ++failures),
    reset: () => {
      failures = 0;
    },
  };
}
