const SHORTEST_MS = 500;
const LONGEST_MS = 10_000;
/** A look that comes late makes the wait longer by this share at most. */
const SHARE = 40;

/**
 * Returns the milliseconds until the next look at a clock that is not synchronised after so many: a node that has had
 * no time source for long probably gets none, and each look costs a processor its rest.
 */
export const lookPause = (waitedMs: number): number =>
  Math.min(Math.max(waitedMs / SHARE, SHORTEST_MS), LONGEST_MS);
