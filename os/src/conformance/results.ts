import path from 'node:path';

import * as v from 'valibot';

import { readIfThere, writePrivate } from '../workstation/files.ts';
import type { Outcome } from './specs.ts';

const File = v.object({
  key: v.string(),
  outcomes: v.array(
    v.object({
      name: v.string(),
      state: v.picklist(['passed', 'failed', 'skipped']),
      seconds: v.number(),
      message: v.string(),
    }),
  ),
});

/**
 * The outcomes of a run, kept on disk after each batch, so that a run that was interrupted goes on. `key` names what
 * was tested: those of another are not read.
 */
export class Results {
  readonly #file: string;
  readonly #key: string;
  readonly #outcomes: Map<string, Outcome>;
  #written: Promise<void> = Promise.resolve();

  private constructor(file: string, key: string, outcomes: readonly Outcome[]) {
    this.#file = file;
    this.#key = key;
    this.#outcomes = new Map(outcomes.map((outcome) => [outcome.name, outcome]));
  }

  static async open(folder: string, key: string): Promise<Results> {
    const file = path.join(folder, 'results.json');
    const known = v.safeParse(v.pipe(v.string(), v.parseJson(), File), await readIfThere(file));
    const same = known.success && known.output.key === key;
    return new Results(file, key, same ? known.output.outcomes : []);
  }

  get(name: string): Outcome | undefined {
    return this.#outcomes.get(name);
  }

  /** Keeps outcomes. Calls may overlap: the file is written by one after the other. */
  async add(outcomes: readonly Outcome[]): Promise<void> {
    for (const outcome of outcomes) this.#outcomes.set(outcome.name, outcome);
    this.#written = this.#writeAfter(this.#written);
    await this.#written;
  }

  async #writeAfter(earlier: Promise<void>): Promise<void> {
    await earlier;
    const all = { key: this.#key, outcomes: [...this.#outcomes.values()] };
    await writePrivate(this.#file, JSON.stringify(all));
  }
}
