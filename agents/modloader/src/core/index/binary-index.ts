import { fnmatch } from './fnmatch.ts';
import { IndexDamage, IndexNodes, MAX_DEPTH, type Node, type Value } from './index-nodes.ts';

const ASTERISK = 0x2a;
const QUESTION = 0x3f;
const BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const WILD: readonly number[] = [ASTERISK, QUESTION, BRACKET, BACKSLASH];

/** The longest alias of a distribution has 300 characters. */
const MAX_PATTERN = 4096;

/** Places in a text to which a part of a pattern leads. */
interface Places {
  /** In their order, each once. */
  readonly at: readonly number[];
  /** Every place after the last one is meant too: the pattern so far ends with an asterisk. */
  readonly isOpen: boolean;
}

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
    if (root !== undefined) this.#match(root, { text, found }, { at: [0], isOpen: false }, true, 0);
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
  #match(node: Node, search: Search, from: Places, isPlain: boolean, depth: number): void {
    if (depth > MAX_DEPTH) throw new IndexDamage('it has a loop');
    const { prefix } = node;
    const { places, at } = followPrefix(prefix, search.text, from);
    if (places.at.length === 0) return;
    if (at < prefix.length) {
      this.#collect(node, prefix.slice(at), search, places, depth);
      return;
    }
    for (const char of WILD) {
      const child = this.#nodes.child(node, char);
      if (child !== undefined) this.#matchWild(child, char, search, places, depth);
    }
    if (node.valuesAt > 0 && hasPlace(places, search.text.length))
      search.found.push(...this.#nodes.values(node));
    if (node.first > node.last) return;
    this.#matchText(node, search, places, isPlain && !/[*?]/.test(prefix), depth);
  }

  /** Follows the children that stand for the next character of the text. */
  #matchText(node: Node, search: Search, places: Places, isText: boolean, depth: number): void {
    for (const char of this.#nextCharacters(node, search.text, places)) {
      // A bracket in the text matches one in a key, as long as no pattern comes before it.
      const child = isText || !WILD.includes(char) ? this.#nodes.child(node, char) : undefined;
      if (child === undefined) continue;
      const next = stepOver(String.fromCharCode(char), search.text, places);
      this.#match(child, search, next, isText, depth + 1);
    }
  }

  /** Returns the characters of the text at the places, each once, those without a child perhaps left out. */
  #nextCharacters(node: Node, text: string, { at, isOpen }: Places): Iterable<number> {
    const [first = 0] = at;
    if (isOpen) return this.#nodes.characters(node).filter((char) => hasFrom(text, char, first));
    if (at.length === 1) return first < text.length ? [text.charCodeAt(first)] : [];
    const characters = new Set(at.map((place) => text.charCodeAt(place)));
    characters.delete(Number.NaN);
    return characters;
  }

  /** Follows a child that begins a pattern. */
  #matchWild(child: Node, char: number, search: Search, places: Places, depth: number): void {
    if (char === ASTERISK || char === QUESTION) {
      const next = stepWild(char, search.text, places);
      if (next.at.length > 0) this.#match(child, search, next, false, depth + 1);
      return;
    }
    this.#collect(child, String.fromCharCode(char) + child.prefix, search, places, depth + 1);
  }

  /** Adds the values below a node whose keys, from `pattern` on, match the text from one of the places on. */
  #collect(node: Node, pattern: string, search: Search, places: Places, depth: number): void {
    this.#nodes.eachChild(node, depth, (char, child) =>
      this.#collect(child, pattern + char + child.prefix, search, places, depth + 1),
    );
    if (node.valuesAt === 0) return;
    if (pattern.length > MAX_PATTERN) throw new IndexDamage('a key is too long');
    const [first = 0] = places.at;
    const matches = places.isOpen
      ? fnmatch(`*${pattern}`, search.text.slice(first))
      : places.at.some((place) => fnmatch(pattern, search.text.slice(place)));
    if (matches) search.found.push(...this.#nodes.values(node));
  }
}

const NOWHERE: Places = { at: [], isOpen: false };

const hasFrom = (text: string, char: number, from: number): boolean =>
  text.includes(String.fromCharCode(char), from);

const hasPlace = ({ at, isOpen }: Places, place: number): boolean =>
  isOpen ? (at[0] ?? Infinity) <= place : at.includes(place);

/** Returns the places to which a prefix leads, and where in it a set or an escape begins, if one does. */
function followPrefix(
  prefix: string,
  text: string,
  from: Places,
): { readonly places: Places; readonly at: number } {
  let places = from;
  let at = 0;
  while (at < prefix.length && places.at.length > 0) {
    const length = prefix.slice(at).search(/[*?[\\]/);
    const end = length < 0 ? prefix.length : at + length;
    if (end > at) places = stepOver(prefix.slice(at, end), text, places);
    at = end;
    const char = prefix.charCodeAt(at);
    if (char === BRACKET || char === BACKSLASH) break;
    if (at < prefix.length) {
      places = stepWild(char, text, places);
      at++;
    }
  }
  return { places, at };
}

/** Returns the places in a text to which more characters of a pattern lead. */
function stepOver(characters: string, text: string, { at, isOpen }: Places): Places {
  const { length } = characters;
  const next: number[] = [];
  if (isOpen) {
    const [first = 0] = at;
    for (let place = text.indexOf(characters, first); place >= 0;) {
      next.push(place + length);
      place = text.indexOf(characters, place + 1);
    }
  } else {
    for (const place of at) if (text.startsWith(characters, place)) next.push(place + length);
  }
  return { at: next, isOpen: false };
}

/** Returns the places in a text to which a wildcard leads. */
function stepWild(char: number, text: string, { at, isOpen }: Places): Places {
  const [first] = at;
  if (first === undefined) return NOWHERE;
  if (char === ASTERISK) return { at: [first], isOpen: true };
  if (isOpen) return first < text.length ? { at: [first + 1], isOpen: true } : NOWHERE;
  return { at: at.filter((place) => place < text.length).map((place) => place + 1), isOpen: false };
}

/** Returns the texts by priority. Of equal ones the last found comes first, as in kmod. */
function unique(values: readonly Value[]): string[] {
  if (values.length < 2) return values.map(({ text }) => text);
  const sorted = values.toReversed().toSorted((a, b) => a.priority - b.priority);
  return [...new Set(sorted.map(({ text }) => text))];
}
