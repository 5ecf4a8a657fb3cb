import type { Logger } from '@kios/agent';
import { KiosError } from '@kios/errors';

import { NameBook } from '../../core/sources/name-book.ts';
import type { Chronyd } from '../chronyd/chronyd.ts';

/** How often chronyd is asked which servers are silent, while some of them are there by their names. */
const HEAR_EVERY_MS = 300_000;

export interface NamesParts {
  readonly chronyd: Chronyd;
  /** Returns the addresses of a name, or none. */
  readonly resolve: (name: string) => Promise<readonly string[]>;
  readonly log: Logger;
}

/** Keeps the addresses of host names current. */
export class Names {
  readonly #parts: NamesParts;
  readonly #book = new NameBook();
  #hearAt = 0;

  constructor(parts: NamesParts) {
    this.#parts = parts;
  }

  get addresses(): ReadonlyMap<string, readonly string[]> {
    return this.#book.addresses;
  }

  /** Asks for the names that are due. */
  async resolve(names: readonly string[], signal: AbortSignal): Promise<void> {
    await this.#hear(signal);
    const due = this.#book.due(names, performance.now());
    await Promise.all(due.map((name) => this.#ask(name)));
  }

  /** Returns the milliseconds until something is due; undefined without names. */
  wait(names: readonly string[]): number | undefined {
    const now = performance.now();
    const wait = this.#book.wait(names, now);
    return wait === undefined ? undefined : Math.min(wait, Math.max(0, this.#hearAt - now));
  }

  async #ask(name: string): Promise<void> {
    const found = await this.#parts.resolve(name);
    const answered = this.#book.answer(name, found, performance.now());
    const { log } = this.#parts;
    if (answered === 'failed') {
      const err = new KiosError('KIOS_TIME_NAME', `find the address of the time server ${name}`);
      log.warn({ ev: 'name.unresolved', name, err });
    } else if (answered !== 'nothing') log.info({ ev: 'name.resolved', name, addresses: found });
  }

  async #hear(signal: AbortSignal): Promise<void> {
    const now = performance.now();
    if (now < this.#hearAt) return;
    this.#hearAt = now + HEAR_EVERY_MS;
    if (this.#book.addresses.size === 0) return;
    try {
      this.#book.hear(await this.#parts.chronyd.measurements(signal), now);
    } catch (error) {
      if (signal.aborted) throw error;
      this.#parts.log.debug({ ev: 'chronyd.silent', err: error });
    }
  }
}
