/** Gives memory back some time after work: whatever works again takes what it needs again. */
export class Rest implements Disposable {
  readonly #afterMs: number;
  readonly #giveBack: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(afterMs: number, giveBack: () => void) {
    this.#afterMs = afterMs;
    this.#giveBack = giveBack;
  }

  /** Work has ended. A row of works costs one return at a time. */
  worked(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#giveBack();
    }, this.#afterMs).unref();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
