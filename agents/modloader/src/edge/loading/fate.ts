/**
 * What becomes of a module in this boot; each is tried once. `refused`: its parameters cannot be passed. `stuck`: its
 * init function, or that of a module before it, has not returned yet, and nothing waits for it any more.
 */
export type Outcome = 'present' | 'loaded' | 'nodev' | 'failed' | 'refused' | 'denied' | 'stuck';

/** Begins to load; calls `stuck` when it takes too long. */
export type Loading = (stuck: () => void) => Promise<Outcome>;

/** The fate of one module. */
export class Fate {
  /** The outcome once it is known. */
  readonly done: Promise<Outcome>;
  /** The same, or `stuck` if that comes first. */
  readonly settled: Promise<Outcome>;
  #outcome: Outcome | undefined;

  /** `load` begins once all of `earlier` are done; what waits for a stuck module is stuck too. */
  constructor(load: Loading, earlier: readonly Fate[] = []) {
    const stuck = Promise.withResolvers<Outcome>();
    const stop = (): void => stuck.resolve('stuck');
    this.done = this.#run(load, earlier, stop);
    void Promise.all(earlier.map(async (fate) => (await fate.settled) === 'stuck' && stop()));
    this.settled = Promise.race([this.done, stuck.promise]);
  }

  get outcome(): Outcome | undefined {
    return this.#outcome;
  }

  async #run(load: Loading, earlier: readonly Fate[], stuck: () => void): Promise<Outcome> {
    for (const fate of earlier) await fate.done;
    this.#outcome = await load(stuck);
    return this.#outcome;
  }
}
