import { DirectoryWatch } from '@kios/agent';
import { type ClockChanges, openClockChanges } from '@kios/syscall';

/** Wakes one waiting loop when someone sets the clock, or an entry of the folder changes in which its state is. */
export class ClockWatch implements Disposable {
  readonly #folder: DirectoryWatch;
  readonly #clock: ClockChanges;

  /** A folder that is missing is not watched. */
  constructor(folder?: string) {
    this.#clock = openClockChanges();
    try {
      this.#folder = new DirectoryWatch(folder === undefined ? [] : [folder]);
    } catch (error) {
      this.#clock[Symbol.dispose]();
      throw error;
    }
  }

  /** Resolves on a change since the last call, or after `ms`. Rejects with the signal's reason. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const either = AbortSignal.any([signal, over.signal]);
    const waits = [this.#folder.wait(ms, either), this.#clock.changed(either)];
    try {
      await Promise.race(waits);
    } finally {
      over.abort();
      await Promise.allSettled(waits);
    }
    signal.throwIfAborted();
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
    this.#clock[Symbol.dispose]();
  }
}
