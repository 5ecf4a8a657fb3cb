/** A value of a server that was too much, or too little, for a node: what was sent and what is used in its place. */
export interface Limit {
  readonly what: 'lease' | 'renewal' | 'routes' | 'dns' | 'ntp' | 'search';
  readonly sent: number;
  readonly used: number;
}

/** The most of each list that is used. More of them would only be more work for all who read the lease. */
const MOST = { routes: 64, dns: 8, ntp: 8, search: 32 } as const;

/** Notes the limits that a lease ran into while it was read. */
export class Limits {
  readonly #found: Limit[] = [];

  get found(): readonly Limit[] {
    return this.#found;
  }

  /** Returns the first items of a list, as many as are used. */
  first<T>(what: keyof typeof MOST, items: readonly T[]): readonly T[] {
    if (items.length <= MOST[what]) return items;
    this.#found.push({ what, sent: items.length, used: MOST[what] });
    return items.slice(0, MOST[what]);
  }

  /** Returns the number, or the least that is used. */
  atLeast(what: 'lease' | 'renewal', least: number, sent: number): number {
    if (sent >= least) return sent;
    this.#found.push({ what, sent, used: least });
    return least;
  }
}
