import { fnmatch } from './fnmatch.ts';
import { IndexDamage, IndexNodes, MAX_DEPTH, type Node, type Value } from './index-nodes.ts';

const ASTERISK = 0x2a;
const QUESTION = 0x3f;
const BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const WILD: readonly number[] = [ASTERISK, QUESTION, BRACKET, BACKSLASH];

/** The longest alias of a distribution has 300 characters. */
const MAX_PATTERN = 4096;

interface Search {
  readonly text: string;
  readonly found: Value[];
}

/** An index of depmod's, as modprobe looks things up in it. Look-ups throw IndexDamage for a damaged one. */
export class BinaryIndex {
  readonly #nodes: IndexNodes;

  /** `bytes` is the file as Latin-1. Throws IndexDamage for a file of another form. */
  constructor(bytes: string) {
    this.#nodes = new IndexNodes(bytes);
  }

  /** Returns the value of a key. */
  get(key: string): string | undefined {
    let node = this.#nodes.root();
    for (let at = 0; node !== undefined;) {
      if (!key.startsWith(node.prefix, at)) return undefined;
      at += node.prefix.length;
      if (at === key.length) return this.#nodes.values(node)[0]?.text;
      node = this.#nodes.child(node, key.charCodeAt(at++));
    }
    return undefined;
  }

  /**
   * Returns the values of the keys that match as patterns of fnmatch(3), by priority, each once. The walk carries the
   * places in the text to which the key so far leads, and leaves what leads to none.
   */
  match(text: string): string[] {
    const found: Value[] = [];
    const root = this.#nodes.root();
    if (root !== undefined) this.#match(root, { text, found }, [0], true, 0);
    return unique(found);
  }

  /** Returns every key with its first value. */
  entries(): Map<string, string> {
    const entries = new Map<string, string>();
    const visit = (node: Node, before: string, depth: number): void => {
      const key = before + node.prefix;
      const [value] = this.#nodes.values(node);
      if (value !== undefined) entries.set(key, value.text);
      this.#nodes.eachChild(node, depth, (char, child) => visit(child, key + char, depth + 1));
    };
    const root = this.#nodes.root();
    if (root !== undefined) visit(root, '', 0);
    return entries;
  }

  /** Matches what a node adds to the key. `isPlain`: the key so far is text, without a pattern. */
  #match(
    node: Node,
    search: Search,
    from: readonly number[],
    isPlain: boolean,
    depth: number,
  ): void {
    if (depth > MAX_DEPTH) throw new IndexDamage('it has a loop');
    const { prefix } = node;
    const { places, at } = followPrefix(prefix, search.text, from);
    if (places.length === 0) return;
    if (at < prefix.length) {
      this.#collect(node, prefix.slice(at), search, places, depth);
      return;
    }
    const isText = isPlain && !/[*?]/.test(prefix);
    for (const char of WILD) this.#matchChild(node, char, search, places, depth);
    if (places.includes(search.text.length)) search.found.push(...this.#nodes.values(node));
    this.#matchText(node, search, places, isText, depth);
  }

  /** Follows the children that stand for the next character of the text. */
  #matchText(
    node: Node,
    search: Search,
    places: readonly number[],
    isText: boolean,
    depth: number,
  ): void {
    for (const char of charactersAt(search.text, places)) {
      // A bracket in the text matches one in a key, as long as no pattern comes before it.
      const child = isText || !WILD.includes(char) ? this.#nodes.child(node, char) : undefined;
      if (child === undefined) continue;
      const next = places.filter((place) => search.text.charCodeAt(place) === char);
      const after = next.map((place) => place + 1);
      this.#match(child, search, after, isText, depth + 1);
    }
  }

  /** Follows a child that begins a pattern. */
  #matchChild(
    node: Node,
    char: number,
    search: Search,
    places: readonly number[],
    depth: number,
  ): void {
    const child = this.#nodes.child(node, char);
    if (child === undefined) return;
    if (char === ASTERISK || char === QUESTION) {
      const next = step(char, search.text, places);
      if (next.length > 0) this.#match(child, search, next, false, depth + 1);
      return;
    }
    this.#collect(child, String.fromCharCode(char) + child.prefix, search, places, depth + 1);
  }

  /** Adds the values below a node whose keys, from `pattern` on, match the text from one of the places on. */
  #collect(
    node: Node,
    pattern: string,
    search: Search,
    places: readonly number[],
    depth: number,
  ): void {
    this.#nodes.eachChild(node, depth, (char, child) =>
      this.#collect(child, pattern + char + child.prefix, search, places, depth + 1),
    );
    if (node.valuesAt === 0) return;
    if (pattern.length > MAX_PATTERN) throw new IndexDamage('a key is too long');
    if (places.some((place) => fnmatch(pattern, search.text.slice(place))))
      search.found.push(...this.#nodes.values(node));
  }
}

/** Returns the places to which a prefix leads, and where in it a set or an escape begins, if one does. */
function followPrefix(
  prefix: string,
  text: string,
  from: readonly number[],
): { readonly places: readonly number[]; readonly at: number } {
  const [first = 0] = from;
  // A short cut: nearly all prefixes are text.
  if (from.length === 1 && !/[*?[\\]/.test(prefix)) {
    const places = text.startsWith(prefix, first) ? [first + prefix.length] : [];
    return { places, at: prefix.length };
  }
  let places = from;
  let at = 0;
  for (; at < prefix.length && places.length > 0; at++) {
    const char = prefix.charCodeAt(at);
    if (char === BRACKET || char === BACKSLASH) break;
    places = step(char, text, places);
  }
  return { places, at };
}

/** Returns the places in a text to which one more character of a pattern leads. */
function step(char: number, text: string, places: readonly number[]): readonly number[] {
  if (char === ASTERISK) {
    const [first = 0] = places;
    return Array.from({ length: text.length - first + 1 }, (_, index) => first + index);
  }
  const next: number[] = [];
  for (const place of places) {
    const fits = char === QUESTION ? place < text.length : text.charCodeAt(place) === char;
    if (fits) next.push(place + 1);
  }
  return next;
}

/** Returns the characters of a text at places, each once. */
function charactersAt(text: string, places: readonly number[]): Iterable<number> {
  const [only = 0] = places;
  if (places.length === 1) return only < text.length ? [text.charCodeAt(only)] : [];
  const characters = new Set(places.map((place) => text.charCodeAt(place)));
  characters.delete(Number.NaN);
  return characters;
}

/** Returns the texts by priority. Of equal ones the last found comes first, as in kmod. */
function unique(values: readonly Value[]): string[] {
  const sorted = values.toReversed().toSorted((a, b) => a.priority - b.priority);
  return [...new Set(sorted.map(({ text }) => text))];
}
