import type { Millis } from '../client/timing.ts';

export interface Limit {
  /** How many may follow each other at once. */
  readonly most: number;
  /** How often one more may. */
  readonly everyMs: Millis;
}

/** How fast something may be repeated: a few times at once, and in the long run at a steady pace. */
export class Pace {
  readonly #limit: Limit;
  /** When all of them may follow each other again. */
  #freeAt: Millis = 0;

  constructor(limit: Limit) {
    this.#limit = limit;
  }

  /** Counts one. Returns the time until the next one may follow. */
  next(now: Millis): Millis {
    const { most, everyMs } = this.#limit;
    this.#freeAt = Math.max(this.#freeAt, now) + everyMs;
    return Math.max(0, this.#freeAt - now - (most - 1) * everyMs);
  }
}
