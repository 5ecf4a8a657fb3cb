import { type Document, isAlias, isMap, isSeq, Scalar, type ScalarTag, type Tags } from 'yaml';

import { isRecord } from './fault.ts';

/** Tags of YAML 1.1 that Kubernetes knows; `TIME` marks numbers to the base 60, which it reads as text. */
const isKnown = (tag: unknown): boolean =>
  !isRecord(tag) ||
  (tag['format'] !== 'TIME' && /:(?:map|seq|str|null|bool|int|float)$/.test(String(tag['tag'])));

/** YAML 1.2's octal numbers, which Kubernetes reads beside those of YAML 1.1. */
const OCTAL: ScalarTag = {
  default: true,
  tag: 'tag:yaml.org,2002:int',
  format: 'OCT',
  test: /^[-+]?0o[0-7_]+$/,
  resolve: (text) => Number.parseInt(text.replace('0o', '').replaceAll('_', ''), 8),
};

/** Turns off the reader's limit of aliases, which counts a hundred short ones as too many. */
export const UNLIMITED = -1;

/**
 * Puts the fields of what is merged into a map. Kubernetes' reader does it in the order of the text: a merged field
 * replaces one that stands before `<<`. Of several maps the first wins.
 */
function mergeInto(document: Document, into: unknown, from: unknown): void {
  const resolve = (node: unknown): unknown => (isAlias(node) ? node.resolve(document) : node);
  const merged = resolve(from);
  for (const item of isSeq(merged) ? merged.items.toReversed() : [merged]) {
    const map = resolve(item);
    if (isMap(map) && isRecord(into))
      Object.assign(into, map.toJS(document, { maxAliasCount: UNLIMITED }));
  }
}

class MergeKey extends Scalar<symbol> {
  override addToJSMap = (
    context: { readonly doc: Document } | undefined,
    into: unknown,
    from: unknown,
  ): void => {
    if (context !== undefined) mergeInto(context.doc, into, from);
  };

  constructor() {
    super(Symbol('<<'));
    this.source = '<<';
  }
}

const MERGE: ScalarTag = {
  default: 'key',
  tag: 'tag:yaml.org,2002:merge',
  test: /^<<$/,
  resolve: () => new MergeKey(),
};

/**
 * YAML as Kubernetes reads it (sigs.k8s.io/yaml): version 1.1 with merge keys, so that `0400` is octal and `yes` a
 * bool. Check and build both read through here, so what is checked is what ships.
 */
export const DIALECT = {
  version: '1.1',
  uniqueKeys: true,
  customTags: (tags: Tags) => [OCTAL, MERGE, ...tags.filter(isKnown)],
  logLevel: 'error',
} as const;
