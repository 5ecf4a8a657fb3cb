/** A number of slots, which those that wait get in the order in which they came. */
export class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** Resolves once a slot is taken. */
  async take(): Promise<void> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  give(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }
}

/** Time after which nothing waits for a load any more. */
export const STUCK_SECONDS = 30;

/** Threads of the pool that a load must leave free: one waits for events, one reads and writes files. */
const OTHER_THREADS = 2;

export interface Jobs {
  /** Loads at the same time. */
  readonly count: number;
  /** Loads that may hang, each with a thread of its own, before the next one is waited for. */
  readonly hanging: number;
}

/**
 * Divides a pool of threads. Unless `wanted` says otherwise there are as many loads at a time as processors, at most
 * four and at least two: a driver that waits for its device needs no processor.
 */
export function planJobs(threads: number, processors: number, wanted?: number): Jobs {
  const usable = Math.max(1, threads - OTHER_THREADS);
  const count = Math.min(usable, wanted ?? Math.min(4, Math.max(2, processors)));
  return { count, hanging: usable - count };
}
