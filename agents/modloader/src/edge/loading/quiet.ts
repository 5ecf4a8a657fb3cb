/** Knows when no driver has been loaded for a while. */
export class Quiet {
  readonly #settleMs: number;
  #active = 0;
  #lastMs = performance.now();
  #wake: () => void = () => undefined;

  constructor(settleMs: number) {
    this.#settleMs = settleMs;
  }

  /** Runs `work`, which returns whether it loaded something. What loaded nothing does not delay the quiet. */
  async during(work: () => Promise<boolean>): Promise<void> {
    this.#active++;
    try {
      if (await work()) this.#lastMs = performance.now();
    } finally {
      this.#active--;
      this.#wake();
    }
  }

  /** Waits until nothing has been loaded for the settling time, and nothing is being loaded. Rejects when stopped. */
  async wait(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      const left = this.#lastMs + this.#settleMs - performance.now();
      if (left <= 0 && this.#active === 0) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      signal.addEventListener('abort', this.#wake);
      const timer = this.#active === 0 ? setTimeout(resolve, left) : undefined;
      await promise;
      clearTimeout(timer);
      signal.removeEventListener('abort', this.#wake);
    }
  }
}
