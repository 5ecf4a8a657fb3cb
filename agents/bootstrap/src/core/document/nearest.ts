/** Mistakes of typing that still leave no doubt. */
const MOST_EDITS = 2;

/** Returns how many letters must be changed, added or removed to make one of the other (Levenshtein). */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let at = 1; at <= one.length; at++) {
    const next = [at];
    for (let to = 1; to <= other.length; to++) {
      const changed = (row[to - 1] ?? 0) + (one[at - 1] === other[to - 1] ? 0 : 1);
      next[to] = Math.min((row[to] ?? 0) + 1, (next[to - 1] ?? 0) + 1, changed);
    }
    row = next;
  }
  return row[other.length] ?? Infinity;
}

/** Returns the known name that somebody may have meant; undefined when none is like it. */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  const given = name.toLowerCase();
  let best: { readonly name: string; readonly edits: number } | undefined;
  for (const candidate of known) {
    // A long one is nothing that somebody mistyped, and would cost time.
    if (Math.abs(candidate.length - name.length) > MOST_EDITS) continue;
    const edits = distance(given, candidate.toLowerCase());
    if (edits < (best?.edits ?? MOST_EDITS + 1)) best = { name: candidate, edits };
  }
  return best !== undefined && best.edits * 2 < best.name.length ? best.name : undefined;
}

/** Returns `; did you mean NAME?`, or nothing. */
export function suggestion(name: string, known: Iterable<string>): string {
  const nearest = nearestName(name, known);
  return nearest === undefined ? '' : `; did you mean ${nearest}?`;
}
