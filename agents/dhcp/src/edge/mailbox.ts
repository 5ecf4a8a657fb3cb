/** Longer timers of the runtime fire at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** What happens, in order, for the one loop that takes it. */
export class Mailbox<T> {
  readonly #items: T[] = [];
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  put(item: T): void {
    this.#items.push(item);
    this.#wake?.();
  }

  /** From here on `take` fails: who fills the box has come to grief. */
  fail(cause: unknown): void {
    this.#failure = cause instanceof Error ? cause : new Error(String(cause));
    this.#wake?.();
  }

  /** The next item; undefined when `timeoutMs` went by without one, or the signal was raised. */
  async take(timeoutMs: number | undefined, signal: AbortSignal): Promise<T | undefined> {
    const idle = this.#items.length === 0 && this.#failure === undefined;
    if (idle && !signal.aborted) await this.#wait(timeoutMs, signal);
    if (this.#failure !== undefined) throw this.#failure;
    return this.#items.shift();
  }

  async #wait(timeoutMs: number | undefined, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const stop = (): void => resolve();
    signal.addEventListener('abort', stop);
    const bounded = Math.max(0, Math.min(timeoutMs ?? 0, LONGEST_TIMER));
    const timer = timeoutMs === undefined ? undefined : setTimeout(resolve, bounded);
    await promise;
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
    this.#wake = undefined;
  }
}
