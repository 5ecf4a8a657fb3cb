import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  type Pair,
  visit,
} from 'yaml';

/** A fault of a text's form that our reader takes and kubelet's does not. */
export interface FormFault {
  readonly cause: string;
  readonly advice: string;
  readonly offset: number;
}

/** What YAML calls printable; kubelet's reader refuses a text with anything else. */
const CONTROL = /[^\t\n\r\u{20}-\u{7E}\u{85}\u{A0}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/u;

/** Returns the fault of the first character that no YAML may have, as a text in UTF-16 has many. */
export function characterFault(text: string): FormFault | undefined {
  const found = CONTROL.exec(text);
  if (found === null) return undefined;
  const code = (found[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  return {
    cause: `has the control character U+${code}, which kubelet refuses`,
    advice: 'remove it, or save the file as UTF-8',
    offset: found.index,
  };
}

/** Returns the fault of a line `%YAML` with another version than kubelet's. */
export function versionFault({ directives }: Document, text: string): FormFault | undefined {
  const { explicit, version } = directives?.yaml ?? {};
  if (explicit !== true || version === '1.1') return undefined;
  return {
    cause: `says that it is YAML ${version}, which kubelet refuses`,
    advice: 'remove the line that begins with %YAML',
    offset: Math.max(text.search(/^%YAML/m), 0),
  };
}

type Words = Omit<FormFault, 'offset'>;

const KEY: Words = {
  cause: 'has a list or an object as a key, which kubelet refuses',
  advice: 'put it in quotes; if it is a template such as {{ name }}, fill it in first',
};
const NO_KEY: Words = {
  cause: 'has an empty key, which kubelet refuses',
  advice: 'put it in quotes',
};
const MERGE: Words = {
  cause: 'merges what is not an object, which kubelet refuses',
  advice: 'give << an object, or a list of objects',
};
const NUMBER: Words = {
  cause: 'is a number that JSON does not have, which kubelet refuses',
  advice: 'put it in quotes',
};

/** Says whether kubelet merges a value: an object, an alias of one, or a list of these. */
function isMergeable(document: Document, value: unknown): boolean {
  const isObject = (node: unknown): boolean => isMap(isAlias(node) ? node.resolve(document) : node);
  return isSeq(value) ? value.items.every(isObject) : isObject(value);
}

function pairWords(document: Document, { key, value }: Pair): Words | undefined {
  if (isCollection(isAlias(key) ? key.resolve(document) : key)) return KEY;
  if (key === null || (isScalar(key) && key.value === null)) return NO_KEY;
  const isMerge = isScalar(key) && typeof key.value === 'symbol';
  return isMerge && !isMergeable(document, value) ? MERGE : undefined;
}

const offsetOf = (node: unknown): number | undefined =>
  isScalar(node) || isCollection(node) || isAlias(node) ? node.range?.[0] : undefined;

/** Returns the first part of a document that YAML has and kubelet's values do not. */
export function valueFault(document: Document): FormFault | undefined {
  const found: FormFault[] = [];
  visit(document, {
    Pair(_, pair) {
      const words = pairWords(document, pair);
      if (words === undefined) return undefined;
      found.push({ ...words, offset: offsetOf(pair.key) ?? offsetOf(pair.value) ?? 0 });
      return visit.BREAK;
    },
    Scalar(_, { value, range }) {
      if (typeof value !== 'number' || Number.isFinite(value)) return undefined;
      found.push({ ...NUMBER, offset: range?.[0] ?? 0 });
      return visit.BREAK;
    },
  });
  return found[0];
}
