/** A set from `[` to `]`; a leading `]` is a member. */
const SET = /\[([!^]?)(\]?[^\]]*)\]/y;

/** Returns whether `char` is among the members of a set, which are characters and ranges. */
function hasMember(members: string, char: string): boolean {
  for (let at = 0; at < members.length; at++) {
    const isRange = members[at + 1] === '-' && at + 2 < members.length;
    const low = members.charAt(at);
    if (low <= char && char <= (isRange ? members.charAt(at + 2) : low)) return true;
    if (isRange) at += 2;
  }
  return false;
}

/** Matches a set like `[a-f0-9]` or `[!a]` at `at`; undefined when it is unclosed and `[` is an ordinary character. */
function matchSet(
  pattern: string,
  at: number,
  char: string,
): { readonly hit: boolean; readonly next: number } | undefined {
  SET.lastIndex = at;
  const [whole, negation, members = ''] = SET.exec(pattern) ?? [];
  if (whole === undefined) return undefined;
  return { hit: hasMember(members, char) === (negation === ''), next: at + whole.length };
}

/** Returns the pattern index after an element that matches `char`; undefined when it does not match. */
function matchOne(pattern: string, at: number, char: string): number | undefined {
  const element = pattern[at];
  if (element === '?') return at + 1;
  if (element === '[') {
    const set = matchSet(pattern, at, char);
    if (set !== undefined) return set.hit ? set.next : undefined;
  }
  if (element === '\\' && at + 1 < pattern.length) {
    return pattern[at + 1] === char ? at + 2 : undefined;
  }
  return element === char ? at + 1 : undefined;
}

/**
 * Implements fnmatch(3) without flags: `*`, `?` and sets; slashes and leading dots are ordinary characters. On a
 * mismatch only the last `*` takes one more character, which bounds the work to the product of the lengths.
 */
export function fnmatch(pattern: string, text: string): boolean {
  let at = 0;
  let from = 0;
  let star = -1;
  let starFrom = 0;
  while (from < text.length) {
    if (pattern[at] === '*') {
      star = at++;
      starFrom = from;
      continue;
    }
    const next = matchOne(pattern, at, text.charAt(from));
    if (next !== undefined) {
      at = next;
      from++;
    } else if (star >= 0) {
      at = star + 1;
      from = ++starFrom;
    } else return false;
  }
  while (pattern[at] === '*') at++;
  return at === pattern.length;
}
