/** Characters of the aliases that are remembered: more than the devices of any machine have. */
const MAX_CHARACTERS = 1 << 20;

/**
 * The kinds of devices that have been served. It forgets them all when they are too many, as in a flood of made-up
 * ones: to serve one again costs a lookup, because each module is tried once.
 */
export class Served {
  readonly #aliases = new Set<string>();
  #characters = 0;
  #count = 0;

  /** Number of kinds so far. */
  get count(): number {
    return this.#count;
  }

  /** Returns whether the alias is new. */
  add(alias: string): boolean {
    if (this.#aliases.has(alias)) return false;
    this.#characters += alias.length;
    if (this.#characters > MAX_CHARACTERS) {
      this.#aliases.clear();
      this.#characters = alias.length;
    }
    this.#aliases.add(alias);
    this.#count++;
    return true;
  }
}
