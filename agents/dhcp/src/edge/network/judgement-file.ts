import path from 'node:path';

import { type Logger, writeAtomic } from '@kios/agent';
import { type Judgement, judgementOf, StoredJudgement } from '@kios/network-config/trial';
import { formatState, readStateIfThere, StateError } from '@kios/node-state';

/** Keeps the judgement across restarts and boots. */
export class JudgementFile {
  readonly #file: string;
  readonly #log: Logger;

  constructor(stateDir: string, log: Logger) {
    this.#file = path.join(stateDir, 'network.json');
    this.#log = log;
  }

  /** Reads the judgement. A damaged one counts as none: the present file is then taken as it is. */
  async read(): Promise<Judgement | undefined> {
    try {
      const stored = await readStateIfThere(StoredJudgement, this.#file);
      return stored && judgementOf(stored);
    } catch (err) {
      if (!(err instanceof StateError)) throw err;
      this.#log.warn({ ev: 'store.bad', err });
      return undefined;
    }
  }

  /** Writes the judgement. A full or read-only disk costs its memory, and not the network. */
  async write({ good, refused, trial }: Judgement): Promise<void> {
    const stored = {
      v: 1,
      good: good ?? null,
      ...(refused === undefined ? {} : { refused }),
      ...(trial === undefined ? {} : { trial }),
    } as const;
    try {
      await writeAtomic(this.#file, formatState(StoredJudgement, stored), 0o600);
    } catch (err) {
      this.#log.warn({ ev: 'store.fail', err });
    }
  }
}
