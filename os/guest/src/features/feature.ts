/**
 * Attempts by name. Each returns nothing, or the names of missing parts. It removes what it makes, or leaves that to
 * the end of the network namespace.
 */
export type Features = Readonly<Record<string, () => string | void>>;

/** Tries each name and returns the list of those that do not work. */
export function eachOf(names: readonly string[], attempt: (name: string) => string): string | void {
  const missing = names.filter((name) => attempt(name) !== 'ok');
  if (missing.length > 0) return `missing: ${missing.join(' ')}`;
}
