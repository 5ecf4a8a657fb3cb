/** When to try again: `firstMs` after the first failure, multiplied each time, never more than `maxMs`. */
export interface RetrySchedule {
  readonly firstMs: number;
  readonly maxMs: number;
  readonly factor?: number;
  /** Share of the delay that `entropy` may take away or add; 0 is none. */
  readonly jitter?: number;
}

/** The delay after `failures` failures in a row (1 is the first). `entropy` is in [0, 1). */
export function retryDelay(schedule: RetrySchedule, failures: number, entropy = 0.5): number {
  const factor = schedule.factor ?? 2;
  // The exponent is bounded so that a daemon failing for years never computes Infinity * 0.
  const grown = schedule.firstMs * factor ** Math.min(Math.max(failures - 1, 0), 64);
  const delay = Math.min(grown, schedule.maxMs);
  return Math.round(delay * (1 + (schedule.jitter ?? 0) * (2 * entropy - 1)));
}

/** A counter over `retryDelay`: `next()` after each failure, `reset()` after a success. */
export function backoff(schedule: RetrySchedule): { next: () => number; reset: () => void } {
  let failures = 0;
  return {
    next: () => retryDelay(schedule, ++failures),
    reset: () => {
      failures = 0;
    },
  };
}
