import { backoff, type Logger } from '@kios/agent';
import { KiosError } from '@kios/errors';

import type { Chronyd } from './chronyd.ts';

/** Between two attempts while chronyd is down. */
const RETRY = { firstMs: 1000, maxMs: 30_000 };

const isRefusal = (error: unknown): boolean =>
  error instanceof KiosError && error.code === 'KIOS_CHRONYD_REFUSED';

/** Has the running chronyd read its source files again after they changed. */
export class Reload {
  readonly #chronyd: Pick<Chronyd, 'reloadSources'>;
  readonly #log: Logger;
  readonly #wait = backoff(RETRY);
  // True at first, for the changes of a run that was killed before it made chronyd reload.
  #isDue = true;
  #isDown = false;
  #refusals = 0;

  constructor(chronyd: Pick<Chronyd, 'reloadSources'>, log: Logger) {
    this.#chronyd = chronyd;
    this.#log = log;
  }

  /** The files have changed. */
  due(): void {
    this.#isDue = true;
    this.#refusals = 0;
  }

  /** Returns the milliseconds until the next attempt; undefined when chronyd knows its files. */
  async run(signal: AbortSignal): Promise<number | undefined> {
    if (!this.#isDue) return undefined;
    try {
      await this.#chronyd.reloadSources(signal);
    } catch (error) {
      if (signal.aborted) throw error;
      return isRefusal(error) ? this.#refused(error) : this.#down(error);
    }
    this.#settle();
    this.#log.info({ ev: 'reload', ok: true });
    return undefined;
  }

  #settle(): void {
    this.#isDue = false;
    this.#isDown = false;
    this.#wait.reset();
  }

  /** Tries once more, in case chronyd met a file that was being replaced. The next change is another attempt. */
  #refused(err: unknown): number | undefined {
    this.#log.warn({ ev: 'reload', ok: false, err });
    this.#refusals++;
    if (this.#refusals === 1) return RETRY.firstMs;
    this.#settle();
    return undefined;
  }

  /** Logs once per outage: chronyd reads the files anyway when it starts. */
  #down(err: unknown): number {
    if (!this.#isDown) this.#log.info({ ev: 'chronyd.down', err });
    this.#isDown = true;
    return this.#wait.next();
  }
}
