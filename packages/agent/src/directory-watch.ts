import { type FSWatcher, watch } from 'node:fs';

import { errorCode } from '@kios/errors';

import { LONGEST_TIMER_MS } from './sleep.ts';

export interface DirectoryWatchOptions {
  /** `skip` (the default) suits callers that also poll, `fail` those that depend on changes alone. */
  readonly missing?: 'skip' | 'fail';
  /** Quiet milliseconds that end a burst of changes, which counts as one; 0 (the default) reports at once. */
  readonly settleMs?: number;
}

/**
 * Wakes one waiting loop when an entry of a watched folder changes. Opened before the folders are first read, it misses
 * no change: one that comes while nobody waits ends the next `wait` at once.
 */
export class DirectoryWatch implements Disposable {
  readonly #watchers = new Map<string, FSWatcher>();
  readonly #settleMs: number;
  #settling: NodeJS.Timeout | undefined = undefined;
  #isDirty = false;
  #wake: (() => void) | undefined = undefined;

  constructor(
    folders: readonly string[],
    { missing = 'skip', settleMs = 0 }: DirectoryWatchOptions = {},
  ) {
    this.#settleMs = settleMs;
    try {
      for (const folder of folders) this.#watch(folder, missing === 'skip');
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Watches one more folder, if it is there: one that others make after the start. */
  include(folder: string): void {
    if (!this.#watchers.has(folder)) this.#watch(folder, true);
  }

  #watch(folder: string, mayBeMissing: boolean): void {
    try {
      const changed = (): void => this.#onEvent();
      this.#watchers.set(folder, watch(folder, changed).on('error', changed));
    } catch (error) {
      if (!mayBeMissing || errorCode(error) !== 'ENOENT') throw error;
    }
  }

  /** Wakes the loop as a change does, for something else that it waits for. */
  ring(): void {
    this.#notice();
  }

  #onEvent(): void {
    if (this.#settleMs === 0) {
      this.#notice();
      return;
    }
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => this.#notice(), this.#settleMs);
  }

  #notice(): void {
    this.#isDirty = true;
    this.#wake?.();
  }

  /**
   * Resolves on a change since the last call, or after `ms` if given; returns whether it was a change. Rejects with the
   * signal's reason.
   */
  async wait(ms: number | undefined, signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted();
    if (!this.#isDirty) await this.#change(ms ?? LONGEST_TIMER_MS, signal);
    signal.throwIfAborted();
    const isChange = this.#isDirty;
    this.#isDirty = false;
    return isChange;
  }

  async #change(ms: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = (): void => resolve();
    const timer = setTimeout(wake, Math.min(ms, LONGEST_TIMER_MS));
    signal.addEventListener('abort', wake);
    this.#wake = wake;
    await promise;
    this.#wake = undefined;
    signal.removeEventListener('abort', wake);
    clearTimeout(timer);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#settling);
    for (const watcher of this.#watchers.values()) watcher.close();
  }
}
