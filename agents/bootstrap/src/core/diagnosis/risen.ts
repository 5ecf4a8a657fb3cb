/** Remembers when counters rose last, by key. */
export class Risen {
  readonly #counters = new Map<
    string,
    { readonly count: number; readonly at: number | undefined }
  >();
  readonly #seconds: number;

  /** A rise counts for this long. */
  constructor(seconds: number) {
    this.#seconds = seconds;
  }

  /**
   * Takes a counter as it is at `up`, and returns whether it rose lately. One that is seen the first time has risen
   * from `from`.
   */
  look(key: string, count: number, up: number, from = count): boolean {
    const before = this.#counters.get(key) ?? { count: from, at: undefined };
    const rose = count > before.count;
    const at = rose ? up : before.at;
    this.#counters.set(key, { count, at });
    return at !== undefined && up - at <= this.#seconds;
  }

  /** Forgets all counters but these. */
  keep(keys: ReadonlySet<string>): void {
    for (const key of this.#counters.keys()) if (!keys.has(key)) this.#counters.delete(key);
  }
}
