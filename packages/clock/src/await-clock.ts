import path from 'node:path';

import { readStateIfThere, TimeState } from '@kios/node-state';

import { ClockWatch } from './clock-watch.ts';
import { MAX_ERROR_SECONDS } from './judge.ts';
import { lookPause } from './look-pause.ts';

/** Why a clock is not good enough. */
export interface ClockFault {
  /** A clause that begins with `it`. */
  readonly why: string;
  /** Only the proof is missing that the clock is right. Time servers can give that; they cannot set the clock. */
  readonly isSane: boolean;
}

/** What time servers say of the clock that no chronyd disciplines. */
export interface Witnessed {
  /** Seconds by which they are ahead of the clock. */
  readonly offsetSeconds: number;
  readonly servers: readonly string[];
}

export interface ClockWait {
  /** Judges the clock; undefined when it is good enough. */
  readonly judge: () => Promise<ClockFault | undefined>;
  /** The file in which chrony-config publishes the clock's state. Without it no chronyd is taken to run. */
  readonly stateFile: string;
  /** Asks time servers; undefined when three samples do not agree. */
  readonly ask: (signal: AbortSignal) => Promise<Witnessed | undefined>;
  /** Seconds by which the clock may be off. */
  readonly maxError?: number;
  readonly timeoutMs: number;
  /** Is told at first and every 30 s why the wait goes on. */
  readonly onWait: (why: string) => void;
}

const REMIND_MS = 30_000;
/** A pod of chrony-config that starts beside the waiting one has published the state by then. */
const ASK_AFTER_MS = 10_000;
const ASK_EVERY_MS = 30_000;

/** Waits until the clock is good enough. Returns the last fault when `timeoutMs` is over before. */
export async function awaitClock(
  wait: ClockWait,
  signal: AbortSignal,
): Promise<ClockFault | undefined> {
  // The usual clock is good, and costs nothing but this look.
  const first = await wait.judge();
  return first === undefined ? undefined : new Waiting(wait, signal).run(first);
}

class Waiting {
  readonly #wait: ClockWait;
  readonly #signal: AbortSignal;
  readonly #started = performance.now();
  #reminded = -Infinity;
  #askedAt = -Infinity;
  /** What they said last. */
  #seen: Witnessed | undefined;

  constructor(wait: ClockWait, signal: AbortSignal) {
    this.#wait = wait;
    this.#signal = signal;
  }

  async run(first: ClockFault): Promise<ClockFault | undefined> {
    using changes = new ClockWatch(path.dirname(this.#wait.stateFile));
    for (let fault: ClockFault | undefined = first; ; fault = await this.#wait.judge()) {
      fault = fault && (await this.#askServers(fault));
      if (fault === undefined) return undefined;
      const left = this.#wait.timeoutMs - this.#waited();
      if (left <= 0) return fault;
      this.#remind(fault);
      // The kernel tells when its clock is set, and nobody when it counts as synchronised.
      await changes.wait(Math.min(left, lookPause(this.#waited())), this.#signal);
    }
  }

  #waited(): number {
    return performance.now() - this.#started;
  }

  #remind({ why }: ClockFault): void {
    const waited = this.#waited();
    if (waited - this.#reminded < REMIND_MS) return;
    this.#reminded = waited;
    this.#wait.onWait(why);
  }

  /** Lets time servers speak for a clock that nobody disciplines. */
  async #askServers(fault: ClockFault): Promise<ClockFault | undefined> {
    if (!fault.isSane) return fault;
    if (await this.#mayAsk()) {
      this.#askedAt = this.#waited();
      this.#seen = await this.#wait.ask(this.#signal);
    }
    if (this.#seen === undefined) return fault;
    const { offsetSeconds, servers } = this.#seen;
    if (Math.abs(offsetSeconds) <= (this.#wait.maxError ?? MAX_ERROR_SECONDS)) return undefined;
    const why = `it is off by ${offsetSeconds.toFixed(0)} s, as ${servers.join(', ')} say`;
    return { ...fault, why };
  }

  async #mayAsk(): Promise<boolean> {
    const waited = this.#waited();
    if (waited < ASK_AFTER_MS || waited - this.#askedAt < ASK_EVERY_MS) return false;
    const state = await readStateIfThere(TimeState, this.#wait.stateFile).catch(() => undefined);
    return state === undefined;
  }
}
