import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
  type Pair,
  Scalar,
  type YAMLMap,
} from 'yaml';

import { type Fault, formatPath, type Path, pathKey } from '../fault.ts';
import { isReserved } from '../values/names.ts';
import { repeatedKeys } from './repeated-keys.ts';
import type { Tree, TreeMap } from './tree.ts';

export interface TreeReading {
  readonly tree: Tree;
  readonly faults: readonly Fault[];
  /** Line of a path, or of the nearest place above it that the document has. */
  readonly lineOf: (path: Path) => number;
}

/** A network file of a large machine has some hundred lines. */
const LARGEST = 256 * 1024;
const MOST_NODES = 20_000;
const DEEPEST = 24;

class TreeReader {
  readonly faults: Fault[] = [];
  readonly lines = new Map<string, number>();
  readonly #document: Document;
  readonly #counter: LineCounter;
  #nodes = 0;
  /** The line at which the limits were passed. */
  tooLarge: number | undefined;

  constructor(document: Document, counter: LineCounter) {
    this.#document = document;
    this.#counter = counter;
  }

  #lineAt(node: unknown): number | undefined {
    const range = isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range : null;
    return range ? this.#counter.linePos(range[0]).line : undefined;
  }

  #fault(path: Path, line: number | undefined, what: string, remedy: string): void {
    const at = line ?? this.lines.get(pathKey(path)) ?? 1;
    this.faults.push({ line: at, path: formatPath(path), what, remedy });
  }

  read(node: unknown, path: Path): Tree {
    this.#nodes += 1;
    if (path.length > DEEPEST || this.#nodes > MOST_NODES)
      this.tooLarge ??= this.#lineAt(node) ?? 1;
    if (this.tooLarge !== undefined) return null;
    if (isAlias(node)) return this.#readAlias(node, path);
    if (isMap(node)) return this.#readMap(node, path);
    if (isSeq(node))
      return node.items.map((item, index) => {
        const at = [...path, index];
        const line = this.#lineAt(item);
        if (line !== undefined) this.lines.set(pathKey(at), line);
        return this.read(item, at);
      });
    return isScalar(node) ? scalarText(node) : null;
  }

  #readAlias(alias: Alias, path: Path): Tree {
    const target = alias.resolve(this.#document);
    if (target !== undefined) return this.read(target, path);
    const remedy = 'Write the value out, or correct the name.';
    this.#fault(
      path,
      this.#lineAt(alias),
      `names an anchor that is not there: *${alias.source}`,
      remedy,
    );
    return null;
  }

  #readMap(map: YAMLMap, path: Path): TreeMap {
    const result: TreeMap = {};
    for (const pair of map.items) {
      const key = this.#key(pair, path);
      if (key === undefined) continue;
      const at = [...path, key];
      this.lines.set(pathKey(at), this.#lineAt(pair.key) ?? 1);
      result[key] = this.read(pair.value, at);
    }
    return result;
  }

  #key({ key }: Pair, path: Path): string | undefined {
    const node = isAlias(key) ? key.resolve(this.#document) : key;
    const text = isScalar(node) ? scalarText(node) : null;
    const line = this.#lineAt(key);
    if (text === null)
      this.#fault(path, line, 'has a key that is not a plain name', 'Use a name as the key.');
    else if (text === '<<')
      this.#fault(
        path,
        line,
        'has a merge key <<',
        'Write the keys out: netplan has no merge keys.',
      );
    else if (isReserved(text)) this.#fault(path, line, `has the key ${text}`, 'Use another name.');
    else return text;
    return undefined;
  }
}

/** The text as it stands in the file: `1e3` and `0x10` as names are no numbers. */
function scalarText(scalar: Scalar): string | null {
  const { type, value, source } = scalar;
  const isPlain = type === undefined || type === Scalar.PLAIN;
  if (!isPlain && typeof value === 'string') return value;
  return value === null ? null : (source ?? '');
}

const failed = (line: number, what: string, remedy: string): TreeReading => ({
  tree: null,
  faults: [{ line, path: '(top)', what, remedy }],
  lineOf: () => line,
});

function parseText(text: string, counter: LineCounter): Document[] | undefined {
  try {
    const documents = parseAllDocuments(text, {
      lineCounter: counter,
      logLevel: 'silent',
      prettyErrors: false,
      stringKeys: false,
      uniqueKeys: false,
    });
    return Array.isArray(documents) ? documents : [];
  } catch (error) {
    // Thousands of open brackets exhaust the parser's stack.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

const firstLine = (message: string): string => (message.split('\n')[0] ?? '').toLowerCase();

/** Returns what is wrong with the form of a document, which is then not read. */
function formFaults(document: Document, counter: LineCounter): readonly Fault[] {
  const broken = document.errors.map(({ pos, message }) => [pos[0], firstLine(message)] as const);
  const twice = repeatedKeys(document).map(
    ({ range }) => [range?.[0] ?? 0, 'map keys must be unique'] as const,
  );
  return [...broken, ...twice].map(([at, why]) => ({
    line: counter.linePos(at).line,
    path: '(top)',
    what: `is not YAML: ${why}`,
    remedy: 'Correct the syntax; indent with spaces.',
  }));
}

/** Reads a YAML or JSON text, and remembers the line of each of its places. */
export function readTree(text: string): TreeReading {
  if (text.length > LARGEST) return failed(1, 'is larger than 256 KiB', 'Make it smaller.');
  const counter = new LineCounter();
  const documents = parseText(text, counter);
  if (documents === undefined) return failed(1, 'is nested too deeply', 'Make it smaller.');
  const [document, second] = documents;
  if (document === undefined || document.contents === null)
    return failed(1, 'is empty', 'Begin with network: and version: 2.');
  const faults = documents.flatMap((one) => formFaults(one, counter));
  if (faults.length > 0) return { tree: null, faults, lineOf: () => 1 };
  if (second !== undefined)
    return failed(
      counter.linePos(second.contents?.range?.[0] ?? 0).line,
      'has a second document',
      'Keep one document: remove the line ---.',
    );
  return readOne(document, counter);
}

function readOne(document: Document, counter: LineCounter): TreeReading {
  const reader = new TreeReader(document, counter);
  const tree = reader.read(document.contents, []);
  if (reader.tooLarge !== undefined)
    return failed(
      reader.tooLarge,
      'is nested too deeply or has too many entries',
      'Make it smaller.',
    );
  const lineOf = (path: Path): number => {
    for (let length = path.length; length > 0; length -= 1) {
      const line = reader.lines.get(pathKey(path.slice(0, length)));
      if (line !== undefined) return line;
    }
    return 1;
  };
  return { tree, faults: reader.faults, lineOf };
}
