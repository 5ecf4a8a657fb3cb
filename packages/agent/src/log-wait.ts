import type { Logger } from './logger.ts';

/**
 * Returns a function for `lock` that logs a wait: once for the record, because instances overlap while a pod is
 * replaced, and then as a warning, because they should not overlap for long.
 */
export function logWait(
  log: Logger,
  fields: Readonly<Record<string, unknown>> = {},
): (holder: unknown) => void {
  let level: 'info' | 'warn' = 'info';
  return (holder) => {
    log[level]({ ev: 'lock.wait', ...fields, holder });
    level = 'warn';
  };
}
