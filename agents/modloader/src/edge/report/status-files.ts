import { rm } from 'node:fs/promises';
import path from 'node:path';

import { type Logger, removeStaleTemps, writeAtomic } from '@kios/agent';
import { formatState, ModulesStatus } from '@kios/node-state';

const DEBOUNCE_MS = 500;

/** Writes `status.json` and `ready`. Quick changes become one write; a failed write is only logged. */
export class StatusFiles implements AsyncDisposable {
  readonly #dir: string;
  readonly #log: Logger;
  readonly #current: () => ModulesStatus;
  #timer: NodeJS.Timeout | undefined;
  #lastError = '';
  /** The writes so far, one after the other. */
  #written = Promise.resolve();
  #isOver = false;

  constructor(dir: string, log: Logger, current: () => ModulesStatus) {
    this.#dir = dir;
    this.#log = log;
    this.#current = current;
  }

  /** Removes temporary files and `ready` of a former run, which says nothing about this one. */
  async reset(): Promise<void> {
    await removeStaleTemps(this.#dir);
    await rm(path.join(this.#dir, 'ready'), { force: true });
  }

  changed(): void {
    if (this.#isOver) return;
    this.#timer ??= setTimeout(() => void this.flush(), DEBOUNCE_MS);
    this.#timer.unref();
  }

  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#write('status.json', formatState(ModulesStatus, this.#current()));
  }

  async ready(): Promise<void> {
    await this.flush();
    await this.#write('ready', '');
  }

  /** Ends all writes: another run may own the files from then on. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    clearTimeout(this.#timer);
    await this.#written;
  }

  async #write(name: string, content: string): Promise<void> {
    this.#written = this.#written.then(async () => this.#replace(name, content));
    await this.#written;
  }

  async #replace(name: string, content: string): Promise<void> {
    if (this.#isOver) return;
    try {
      await writeAtomic(path.join(this.#dir, name), content);
      this.#lastError = '';
    } catch (error) {
      if (this.#lastError !== String(error)) this.#log.warn({ ev: 'status.fail', err: error });
      this.#lastError = String(error);
    }
  }
}
