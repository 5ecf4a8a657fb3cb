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

  /** The next item; undefined when the signal was raised. */
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
