/** Returns how many letters must be inserted, removed or replaced to make one word of the other (Levenshtein). */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [at, letter] of Array.from(from).entries()) {
    const next = [at + 1];
    for (const [index, other] of Array.from(to).entries())
      next.push(
        Math.min(
          (next[index] ?? 0) + 1,
          (row[index + 1] ?? 0) + 1,
          (row[index] ?? 0) + (letter === other ? 0 : 1),
        ),
      );
    row = next;
  }
  return row.at(-1) ?? 0;
}

/** Returns the known word that a misspelled one most likely means; nothing if none is near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const small = word.toLowerCase();
  const [best] = known
    .map((one) => ({ one, far: distance(small, one.toLowerCase()) }))
    .toSorted((left, right) => left.far - right.far);
  return best !== undefined && best.far <= Math.max(1, Math.floor(word.length / 3))
    ? best.one
    : undefined;
}
