import { type Logger, retryDelay } from '@kios/agent';
import { describe, type KiosError } from '@kios/errors';

import { BootstrapError } from '../../core/faults/errors.ts';

const LONGEST_RETRY_MS = 60_000;

/** Logs a fault to the console the first time, and its repetitions to the pod's log only. */
export class FaultLog {
  #last = '';
  #failures = 0;
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Logs a fault and returns the milliseconds until the next try. */
  report(error: KiosError): number {
    const text = describe(error);
    const event = error instanceof BootstrapError ? error.fault.event : 'failed';
    const firstMs = (error instanceof BootstrapError ? error.fault.retrySeconds : 30) * 1000;
    // One fault, however long it lasts: its words may have the present time.
    const same = text.replace(/clock says \S+/, '');
    this.#failures = same === this.#last ? this.#failures + 1 : 1;
    const retryMs = retryDelay(
      { firstMs, maxMs: Math.max(firstMs, LONGEST_RETRY_MS), factor: 1.5 },
      this.#failures,
    );
    const fields = { ev: event, err: error, retrySeconds: Math.round(retryMs / 1000) };
    if (same === this.#last) this.#log.info(fields);
    else this.#log.error(fields);
    this.#last = same;
    return retryMs;
  }

  /** The next fault is new again. */
  clear(): void {
    this.#last = '';
  }
}
