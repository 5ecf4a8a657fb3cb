/** Tries by name; each ends with nothing, or the names of what is missing. What they make goes with the network namespace or at once. */
export type Features = Readonly<Record<string, () => string | void>>;

/** Tries each of a list and tells those that do not work. */
export function eachOf(names: readonly string[], attempt: (name: string) => string): string | void {
  const missing = names.filter((name) => attempt(name) !== 'ok');
  if (missing.length > 0) return `missing: ${missing.join(' ')}`;
}
