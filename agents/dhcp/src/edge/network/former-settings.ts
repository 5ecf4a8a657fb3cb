import path from 'node:path';

import { type Logger, writeAtomic } from '@kios/agent';
import { formatState, readStateIfThere, StateError } from '@kios/node-state';
import * as v from 'valibot';

const Stored = v.object({
  v: v.literal(1),
  /** The kernel's settings end with the boot, and indexes of links mean other ones. */
  bootId: v.string(),
  /** By index of the link and setting. */
  before: v.record(v.string(), v.string()),
});

/** Keeps the values that the kernel's settings had before a network file changed them, for the next instance. */
export class FormerSettings {
  readonly #file: string;
  readonly #bootId: string;
  readonly #log: Logger;

  constructor(runDir: string, bootId: string, log: Logger) {
    // It is no lease, and those are the files of that folder whose names end in `.json`.
    this.#file = path.join(runDir, 'network.before');
    this.#bootId = bootId;
    this.#log = log;
  }

  /** Reads the values; undefined where this boot has none. */
  async read(): Promise<Map<string, string> | undefined> {
    try {
      const stored = await readStateIfThere(Stored, this.#file);
      return stored?.bootId === this.#bootId ? new Map(Object.entries(stored.before)) : undefined;
    } catch (err) {
      if (!(err instanceof StateError)) throw err;
      this.#log.warn({ ev: 'store.bad', err });
      return undefined;
    }
  }

  /** Writes the values. A full folder costs their memory, and not the network. */
  async write(before: ReadonlyMap<string, string>): Promise<void> {
    const stored = { v: 1, bootId: this.#bootId, before: Object.fromEntries(before) } as const;
    try {
      await writeAtomic(this.#file, formatState(Stored, stored), 0o600);
    } catch (err) {
      this.#log.warn({ ev: 'store.fail', err });
    }
  }
}
