/** Longest name of a link: IFNAMSIZ without the final zero byte. */
export const LONGEST_NAME = 15;

/** Names that JavaScript or YAML gives a meaning of its own to, so that they are no keys of a map. */
const RESERVED = new Set(['__proto__', 'prototype', 'constructor', '<<']);

export const isReserved = (name: string): boolean => RESERVED.has(name);

/** Says why the kernel, or the programs around it, would not take a name for a link. */
export function nameFault(name: string): string | undefined {
  if (name === '') return 'is an empty name';
  if (new TextEncoder().encode(name).length > LONGEST_NAME)
    return `has a name of more than ${LONGEST_NAME} bytes: ${name}`;
  if (name === '.' || name === '..') return `has a name that the kernel refuses: ${name}`;
  if (/[/:\s\0]/.test(name))
    return `has a name with a slash, colon or space: ${JSON.stringify(name)}`;
  // Their folders in /proc/sys/net mean something else.
  if (name === 'all' || name === 'default') return `has a name with a meaning of its own: ${name}`;
  if (/[*?[\]]/.test(name)) return `has a pattern for a name: ${name}`;
  if (/[%\p{Cc}]/u.test(name))
    return `has a name with a percent sign or control character: ${JSON.stringify(name)}`;
  return undefined;
}

/** Number of single changes that make one word from another: Levenshtein's distance. */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let at = 0; at < one.length; at += 1) {
    const next = [at + 1];
    for (let to = 0; to < other.length; to += 1) {
      const change = (row[to] ?? 0) + (one[at] === other[to] ? 0 : 1);
      next.push(Math.min(change, (row[to + 1] ?? 0) + 1, (next[to] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

const plain = (word: string): string => word.toLowerCase().replaceAll(/[-_\s]/g, '');

/** Finds the known word that somebody most likely meant. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  // Nothing that long is a slip of the pen, and the distance costs its square.
  if (word.length > 64) return undefined;
  const ranked = known
    .map((name) => ({ name, far: distance(plain(word), plain(name)) }))
    .toSorted((one, other) => one.far - other.far);
  const [best] = ranked;
  const limit = Math.max(2, Math.floor(word.length / 2));
  return best !== undefined && best.far <= limit ? best.name : undefined;
}

/** Returns whether a text stands for several (fnmatch(3)). */
export const isPattern = (text: string): boolean => /[*?[\]]/.test(text);
