import { once } from 'node:events';
import { type FSWatcher, watch } from 'node:fs';

import { errorCode } from '@kios/agent';

/** Tells when something in a few directories changed. Opened before reading them, so that no change is missed in between. */
export class DirectoryWatch implements Disposable {
  readonly #watchers: FSWatcher[] = [];
  #dirty = false;
  #wake: (() => void) | undefined = undefined;

  /** Directories that do not exist are left out: the caller's `wait` ends by time then. */
  constructor(dirs: readonly string[]) {
    for (const dir of dirs) {
      try {
        const watcher = watch(dir, () => this.#notice());
        watcher.on('error', () => this.#notice());
        this.#watchers.push(watcher);
      } catch (error) {
        if (errorCode(error) !== 'ENOENT') throw error;
      }
    }
  }

  #notice(): void {
    this.#dirty = true;
    this.#wake?.();
  }

  /** Resolves after a change since the last call, or after `ms`; rejects when aborted. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.#dirty) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      const timer = setTimeout(resolve, ms);
      const done = new AbortController();
      const aborted = once(signal, 'abort', { signal: done.signal }).catch(() => undefined);
      await Promise.race([promise, aborted]);
      done.abort();
      clearTimeout(timer);
      this.#wake = undefined;
      signal.throwIfAborted();
    }
    this.#dirty = false;
  }

  [Symbol.dispose](): void {
    for (const watcher of this.#watchers) watcher.close();
  }
}
