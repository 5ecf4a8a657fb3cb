import path from 'node:path';

import { type Logger, writeAtomic } from '@kios/agent';
import { formatState, readStateIfThere, StateError } from '@kios/node-state';
import * as v from 'valibot';

import type { FileText, Judgement } from '../../core/network/trial.ts';

/** What is known of the network files that this node had. A file that does not exist is null. */
const Stored = v.object({
  v: v.literal(1),
  good: v.nullable(v.string()),
  refused: v.optional(v.string()),
  trial: v.optional(v.object({ digest: v.string(), bootId: v.string(), deadline: v.number() })),
});

const toText = (text: string | null): FileText => text ?? undefined;

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
      const stored = await readStateIfThere(Stored, this.#file);
      if (stored === undefined) return undefined;
      const { good, refused, trial } = stored;
      return { good: toText(good), refused, trial };
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
      await writeAtomic(this.#file, formatState(Stored, stored), 0o600);
    } catch (err) {
      this.#log.warn({ ev: 'store.fail', err });
    }
  }
}
