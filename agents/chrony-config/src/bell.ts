import { setTimeout as delay } from 'node:timers/promises';

/** Wakes one waiting loop. A ring while nobody waits is kept: the next wait returns at once. */
export class Bell {
  #pending = Promise.withResolvers<void>();

  ring(): void {
    this.#pending.resolve();
  }

  /** Waits for a ring, at most `ms` if given. Rejects when aborted. */
  async wait(signal: AbortSignal, ms?: number): Promise<void> {
    const done = new AbortController();
    const either = AbortSignal.any([signal, done.signal]);
    try {
      await Promise.race([
        this.#pending.promise,
        delay(ms ?? 2 ** 31 - 1, undefined, { signal: either }),
      ]);
      this.#pending = Promise.withResolvers<void>();
    } finally {
      done.abort();
    }
  }
}
