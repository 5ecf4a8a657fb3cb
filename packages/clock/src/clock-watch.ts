import { DirectoryWatch } from '@kios/agent';
import { type ClockChanges, openClockChanges } from '@kios/syscall';

/** Wakes one waiting loop when someone sets the clock, or an entry of the folder changes in which its state is. */
export class ClockWatch implements Disposable {
  readonly #changes: DirectoryWatch;
  readonly #clock: ClockChanges;
  #isOpen = true;
  #failure: Error | undefined;

  /** A folder that is missing is not watched. */
  constructor(folder?: string) {
    this.#changes = new DirectoryWatch(folder === undefined ? [] : [folder]);
    try {
      this.#clock = openClockChanges();
    } catch (error) {
      this.#changes[Symbol.dispose]();
      throw error;
    }
    void this.#follow();
  }

  async #follow(): Promise<void> {
    while (this.#isOpen) {
      try {
        await this.#clock.changed();
      } catch (error) {
        if (!this.#isOpen) return;
        this.#failure =
          error instanceof Error ? error : new Error('follow the clock', { cause: error });
        this.#isOpen = false;
      }
      this.#changes.ring();
    }
  }

  /** Resolves on a change since the last call, or after `ms`. Rejects with the signal's reason. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    await this.#changes.wait(ms, signal);
    if (this.#failure !== undefined) throw this.#failure;
  }

  [Symbol.dispose](): void {
    this.#isOpen = false;
    this.#clock[Symbol.dispose]();
    this.#changes[Symbol.dispose]();
  }
}
