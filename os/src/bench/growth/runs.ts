import { mkdir } from 'node:fs/promises';
import path from 'node:path';

import * as v from 'valibot';

import { replace } from '../../build/image/artefacts.ts';
import { readIfThere } from '../../workstation/files.ts';
import type { Found } from './series.ts';

const Values = v.record(v.string(), v.number());

const Kept = v.object({
  samples: v.array(v.object({ x: v.number(), values: Values })),
  details: v.optional(v.record(v.string(), v.unknown()), {}),
  rows: v.optional(v.array(v.array(v.string())), []),
});

const State = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    /** What the steps were measured of; steps of something else do not belong to the same run. */
    of: v.string(),
    steps: v.record(v.string(), Kept),
  }),
);

/** The steps of a series that have been measured, in a file, so that an interrupted run can go on. */
export class Run {
  readonly #file: string;
  readonly #of: string;
  readonly #steps: Map<string, Found>;

  private constructor(file: string, of: string, steps: ReadonlyMap<string, Found>) {
    this.#file = file;
    this.#of = of;
    this.#steps = new Map(steps);
  }

  /**
   * Takes up the run in a file if it measured the same. It begins a new one otherwise, when the file is damaged, and
   * when asked to (`afresh`); the file then changes with the first step.
   */
  static async open(file: string, of: string, afresh = false): Promise<Run> {
    const known = v.safeParse(State, (await readIfThere(file)) ?? '');
    if (afresh || !known.success || known.output.of !== of) return new Run(file, of, new Map());
    return new Run(file, of, new Map(Object.entries(known.output.steps)));
  }

  has(key: string): boolean {
    return this.#steps.has(key);
  }

  /** Returns what the steps with these keys found, in the order of the keys. */
  found(keys: readonly string[]): Found[] {
    return keys.flatMap((key) => this.#steps.get(key) ?? []);
  }

  /** Keeps what a step found. The file is replaced in one step: it has all of a step or nothing. */
  async keep(key: string, found: Found): Promise<void> {
    this.#steps.set(key, found);
    await mkdir(path.dirname(this.#file), { recursive: true });
    await replace(
      this.#file,
      JSON.stringify({ of: this.#of, steps: Object.fromEntries(this.#steps) }),
    );
  }
}
