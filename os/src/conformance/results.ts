import path from 'node:path';

import * as v from 'valibot';

import { readIfThere, writePrivate } from '../workstation/files.ts';
import { notRun, type Outcome } from './specs.ts';

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

  /** Returns the specs without a result. One that failed or was skipped has one. */
  due(names: readonly string[]): string[] {
    return names.filter((name) => !this.#outcomes.has(name));
  }

  /** Returns what came of each of these specs. */
  of(names: readonly string[]): Outcome[] {
    return names.map((name) => this.#outcomes.get(name) ?? notRun(name, 'the run ended before it'));
  }

  /** Forgets what came of specs, so that they are due. */
  async forget(names: readonly string[]): Promise<void> {
    for (const name of names) this.#outcomes.delete(name);
    await this.#write();
  }

  /** Keeps outcomes; on disk only those of specs that were run, so that the next run has the others. */
  async add(outcomes: readonly Outcome[]): Promise<void> {
    for (const outcome of outcomes) this.#outcomes.set(outcome.name, outcome);
    await this.#write();
  }

  /** Calls may overlap: the file is written by one after the other. */
  async #write(): Promise<void> {
    this.#written = this.#writeAfter(this.#written);
    await this.#written;
  }

  async #writeAfter(earlier: Promise<void>): Promise<void> {
    await earlier;
    const outcomes = [...this.#outcomes.values()].filter(({ notRun }) => notRun !== true);
    await writePrivate(this.#file, JSON.stringify({ key: this.#key, outcomes }));
  }
}
