import { availableParallelism } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';

import { errorCode } from '@kios/errors';
import { SyscallError } from '@kios/syscall';

import type { ModuleFile } from '../../core/index/index-files.ts';
import type { Kernel } from '../../core/loading/kernel.ts';
import { type Jobs, planJobs, Slots, STUCK_SECONDS } from '../../core/loading/slots.ts';

const BUSY = { attempts: 5, waitMs: 200 };
const MEMORY_WAIT_MS = 1000;
/** How an attempt ends that had not begun when the process was told to end. */
export const CANCELLED = 'ECANCELED';

/** One load of a module file. */
export interface Attempt {
  /** How it ended. */
  readonly ended: Promise<Ending>;
  /** Resolves when nothing is to wait for the load any more: it is stuck, the process is to end, or it has ended. */
  readonly left: Promise<Left>;
}

export type Left = 'stuck' | 'stopped' | 'ended';

export interface Ending {
  /** The errno or error code of a failure. */
  readonly errno: string | undefined;
  /** Milliseconds in the kernel. */
  readonly ms: number;
}

/** Returns the number of threads of the runtime's pool, on which loads run (`UV_THREADPOOL_SIZE`). */
function poolSize(): number {
  const set = Number(process.env['UV_THREADPOOL_SIZE']);
  if (set > 0) return set;
  return process.versions['bun'] === undefined ? 4 : Math.max(2, availableParallelism());
}

/** Returns how many modules may be loaded at a time; `wanted` is the operator's number. */
export const jobsHere = (wanted?: number): Jobs =>
  planJobs(poolSize(), availableParallelism(), wanted);

/**
 * The loads of this run, also over changes of the settings: each module is tried once with the same parameters, never
 * twice at a time, and a few at once.
 */
export class Attempts {
  readonly count: number;
  readonly #slots: Slots;
  readonly #signal: AbortSignal;
  readonly #stuckMs: number;
  readonly #known = new Map<string, Attempt>();
  readonly #running = new Map<string, Attempt>();
  #hanging: number;

  constructor(jobs: Jobs, signal: AbortSignal, stuckMs = STUCK_SECONDS * 1000) {
    this.count = jobs.count;
    this.#slots = new Slots(jobs.count);
    this.#hanging = jobs.hanging;
    this.#signal = signal;
    this.#stuckMs = stuckMs;
  }

  /** Loads a module, or returns the attempt that was made with these parameters. */
  attempt(kernel: Kernel, module: ModuleFile, params: string): Attempt {
    const key = `${module.name} ${params}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const begun = this.#begin(kernel, module, params);
    this.#known.set(key, begun);
    void this.#forget(begun, key, module.name);
    return begun;
  }

  async #forget(attempt: Attempt, key: string, name: string): Promise<void> {
    const { errno } = await attempt.ended;
    if (this.#running.get(name) === attempt) this.#running.delete(name);
    // What was loaded may have been removed by hand since.
    if (errno === undefined) this.#known.delete(key);
  }

  /** Waits while a load of this module runs, by whatever settings it began. Calls `left` when it is left alone. */
  async running(name: string, left: () => void): Promise<void> {
    const attempt = this.#running.get(name);
    if (attempt === undefined) return;
    void attempt.left.then((why) => why !== 'ended' && left());
    await attempt.ended;
  }

  #begin(kernel: Kernel, { name, file }: ModuleFile, params: string): Attempt {
    const { promise: left, resolve: leave } = Promise.withResolvers<Left>();
    const stop = (): void => leave('stopped');
    const before = this.#running.get(name);
    const run = async (): Promise<Ending> => {
      await before?.ended;
      await this.#slots.take();
      const giveBack = this.#watch(() => leave('stuck'));
      const started = performance.now();
      try {
        const errno = this.#signal.aborted ? CANCELLED : await attempt(() => kernel.load(file, params)); // prettier-ignore
        return { errno, ms: Math.round(performance.now() - started) };
      } finally {
        giveBack();
        this.#signal.removeEventListener('abort', stop);
        // Whoever still waited would be kept in memory for as long as a failed attempt is remembered.
        leave('ended');
      }
    };
    if (this.#signal.aborted) stop();
    else this.#signal.addEventListener('abort', stop);
    const ended = run();
    const begun = { ended, left };
    this.#running.set(name, begun);
    return begun;
  }

  /** Watches a load that begins. The returned function gives its slot back, once. */
  #watch(stuck: () => void): () => void {
    let isHanging = false;
    const hang = (): void => {
      stuck();
      if (this.#hanging === 0) return;
      isHanging = true;
      this.#hanging--;
      this.#slots.give();
    };
    const timer = setTimeout(hang, this.#stuckMs);
    return () => {
      clearTimeout(timer);
      if (isHanging) this.#hanging++;
      else this.#slots.give();
    };
  }
}

/** Returns the errno that a load ended with, if any. EBUSY is retried, and ENOMEM once, as both are transient. */
async function attempt(load: () => Promise<void>): Promise<string | undefined> {
  for (let tries = 1; ; tries++) {
    const errno = await errnoOf(load);
    if (errno === 'EBUSY' && tries < BUSY.attempts) await delay(BUSY.waitMs);
    else if (errno === 'ENOMEM' && tries === 1) await delay(MEMORY_WAIT_MS);
    else return errno;
  }
}

async function errnoOf(load: () => Promise<void>): Promise<string | undefined> {
  try {
    await load();
    return undefined;
  } catch (error) {
    if (error instanceof SyscallError) return error.errno;
    return errorCode(error) ?? String(error);
  }
}
