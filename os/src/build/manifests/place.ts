import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  type LineCounter,
  type YAMLMap,
} from 'yaml';

import { isRecord } from './fault.ts';

/** `.name`, `[0]`, `[key]` or `["key"]`. */
const STEP = /\.?([^.[\]]+)|\["([^"]*)"\]|\[([^\]]*)\]/g;

/** Returns the steps of a path such as `metadata.annotations["a/b"]` or `spec.containers[0].name`. */
const stepsOf = (path: string): string[] =>
  [...path.matchAll(STEP)].map(([, name, quoted, key]) => name ?? quoted ?? key ?? '');

/** Returns the value at a path; nothing where there is none. */
export function valueAt(value: unknown, path: string): unknown {
  let at = value;
  for (const step of stepsOf(path)) {
    if (Array.isArray(at)) at = at[Number(step)];
    else at = isRecord(at) && Object.hasOwn(at, step) ? at[step] : undefined;
  }
  return at;
}

interface Found {
  /** Where a person looks for it: its key, or itself in a list. */
  readonly offset: number | undefined;
  readonly value: unknown;
}

const offsetOf = (node: unknown): number | undefined =>
  isNode(node) ? node.range?.[0] : undefined;

class Walk {
  readonly #document: Document;

  constructor(document: Document) {
    this.#document = document;
  }

  /** Returns the offset of a path's last step that there is. */
  offset(path: string): number | undefined {
    let found: Found = {
      offset: offsetOf(this.#document.contents),
      value: this.#document.contents,
    };
    for (const step of stepsOf(path)) {
      const next = this.#step(this.#resolve(found.value), step);
      if (next === undefined) break;
      found = next;
    }
    return found.offset;
  }

  #resolve(node: unknown): unknown {
    return isAlias(node) ? node.resolve(this.#document) : node;
  }

  #step(node: unknown, step: string): Found | undefined {
    if (isMap(node)) return this.#inMap(node, step);
    const item = isSeq(node) ? node.items[Number(step)] : undefined;
    return item === undefined ? undefined : { offset: offsetOf(item), value: item };
  }

  #inMap(map: YAMLMap, name: string): Found | undefined {
    const pair = map.items.find(({ key }) => isScalar(key) && String(key.value) === name);
    if (pair !== undefined) return { offset: offsetOf(pair.key), value: pair.value };
    for (const { key, value } of map.items) {
      if (!isScalar(key) || String(key.source) !== '<<') continue;
      const merged = this.#resolve(value);
      for (const one of isSeq(merged) ? merged.items : [merged]) {
        const found = this.#step(this.#resolve(one), name);
        if (found !== undefined) return found;
      }
    }
    return undefined;
  }
}

/** Returns the line of a path in a document, or that of the nearest part around it that is there. */
export function lineOf(document: Document, lines: LineCounter, path: string): number | undefined {
  const offset = new Walk(document).offset(path);
  return offset === undefined ? undefined : lines.linePos(offset).line;
}
