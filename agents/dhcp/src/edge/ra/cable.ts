/** The cable of a link. */
export class Cable {
  /** Undefined until the first word of the carrier. */
  #isIn: boolean | undefined;
  #wasPulled = false;

  get isKnown(): boolean {
    return this.#isIn !== undefined;
  }

  get isIn(): boolean {
    return this.#isIn === true;
  }

  /**
   * Takes in the carrier. Returns whether the cable is back: the link may be in another network now, whose routers the
   * kernel asks only when the link itself comes up.
   */
  carrier(up: boolean): boolean {
    if (!up && this.isIn) this.#wasPulled = true;
    const isBack = up && !this.isIn && this.#wasPulled;
    this.#isIn = up;
    return isBack;
  }
}
