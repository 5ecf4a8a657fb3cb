import { type Logger, writeAtomic } from '@kios/agent';

const INTERVAL_MS = 3600_000;

/**
 * The newest time at which the clock followed a source, kept across boots. Neither init at the next boot nor a time
 * source sets the clock to an earlier one.
 */
export class SavedTime {
  readonly #file: string;
  readonly #log: Logger;
  #floor: number;
  #nextSave = 0;

  /** `floor` is the build time or the time that was saved before, in milliseconds. */
  constructor(file: string, floor: number, log: Logger) {
    this.#file = file;
    this.#floor = floor;
    this.#log = log;
  }

  /** The time, in milliseconds, before which the clock is certainly wrong. */
  get floor(): number {
    return this.#floor;
  }

  /** Takes the time of a synced clock, and writes it when the last one is an hour old or `isLast` is set. */
  async keep(now: number, isLast = false): Promise<void> {
    const isDue = isLast || performance.now() >= this.#nextSave;
    if (!isDue || now <= this.#floor) return;
    this.#nextSave = performance.now() + INTERVAL_MS;
    this.#floor = now;
    try {
      await writeAtomic(this.#file, `${new Date(now).toISOString()}\n`);
    } catch (error) {
      this.#log.warn({ ev: 'time.unsaved', err: error });
    }
  }
}
