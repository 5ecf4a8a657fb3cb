/** The most items that wait before those of the network are refused. */
const FULL = 256;

/** A queue between several producers and the one loop that takes its items. */
export class Mailbox<T> {
  readonly #items: T[] = [];
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  put(item: T): void {
    this.#items.push(item);
    this.#wake?.();
  }

  /** Puts an item that strangers sent. Returns false when too many wait, as while the loop waits for a slow disk. */
  offer(item: T): boolean {
    if (this.#items.length >= FULL) return false;
    this.put(item);
    return true;
  }

  /** Makes every later `take` reject with `cause`: a producer has failed. */
  fail(cause: unknown): void {
    this.#failure = cause instanceof Error ? cause : new Error(String(cause));
    this.#wake?.();
  }

  /** Waits for the next item. Undefined when the signal is raised. */
  async take(signal: AbortSignal): Promise<T | undefined> {
    const idle = this.#items.length === 0 && this.#failure === undefined;
    if (idle && !signal.aborted) await this.#wait(signal);
    if (this.#failure !== undefined) throw this.#failure;
    return signal.aborted ? undefined : this.#items.shift();
  }

  async #wait(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const stop = (): void => resolve();
    signal.addEventListener('abort', stop);
    await promise;
    signal.removeEventListener('abort', stop);
    this.#wake = undefined;
  }
}
