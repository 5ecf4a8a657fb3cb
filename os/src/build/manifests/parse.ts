import { causeOf } from '@kios/network-config/yaml-faults';
import {
  type Alias,
  type Document,
  isAlias,
  isCollection,
  isPair,
  isScalar,
  LineCounter,
  type Node,
  parseAllDocuments,
  visit,
  type YAMLError,
} from 'yaml';

import { DIALECT, UNLIMITED } from './dialect.ts';
import { type Fault, isRecord } from './fault.ts';
import { characterFault, type FormFault, valueFault, versionFault } from './form-faults.ts';
import { lineOf } from './place.ts';

/** An alias may repeat a part, but a file of a few lines must not grow to gigabytes. No pod has as many values. */
const MAX_VALUES = 1_000_000;

/** Leaves out fields that are null, which Kubernetes' programs write for "not given". */
export function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (value === 0) return 0; // JSON has no -0
  if (!isRecord(value)) return value;
  const given = Object.entries(value).filter(([, field]) => field !== null && field !== undefined);
  return Object.fromEntries(given.map(([name, field]) => [name, withoutNulls(field)]));
}

/** Returns the line of an offset. */
type Line = (offset: number) => number;

/** A manifest as data, or why it is none. */
export type Parsed =
  | {
      readonly value: unknown;
      /** Returns the line of a path, or of the part around it. */
      readonly lineOf: (path: string) => number | undefined;
      readonly faults?: undefined;
    }
  | { readonly faults: readonly Fault[] };

const failed = (cause: string, line?: number, advice?: string): Parsed => ({
  faults: [
    { path: '', cause, ...(line === undefined ? {} : { line }), ...(advice === undefined ? {} : { advice }) },
  ],
}); // prettier-ignore

/** What follows a fault of the form is read wrongly, so only the first of them says something. */
const withoutConsequences = (errors: readonly YAMLError[]): YAMLError[] => {
  const first = errors.findIndex(({ code }) => code !== 'DUPLICATE_KEY');
  return first === -1 ? [...errors] : errors.slice(0, first + 1);
};

/** kubelet takes a text that begins with `{` for JSON (apimachinery's util/yaml.ToJSON). */
const isJson = (text: string): boolean =>
  /^[\s\u0085]*\{/.test(text) && !text.startsWith('\u{FEFF}');

function jsonFault(text: string, line: Line): Parsed | undefined {
  try {
    JSON.parse(text);
    return undefined;
  } catch (cause) {
    const [, offset = '0'] = /position (\d+)/.exec(String(cause)) ?? [];
    return failed(
      'begins with {, so kubelet takes it for JSON, and it is none',
      line(Number(offset)),
      'begin with apiVersion; if it is a template, fill it in first',
    );
  }
}

/** Returns what each alias of a document stands for: the last part before it with its anchor, or nothing. */
function targetsOf(document: Document): Map<Alias, Node | undefined> {
  const anchors = new Map<string, Node>();
  const targets = new Map<Alias, Node | undefined>();
  visit(document, {
    Node(_, node) {
      if (isAlias(node)) targets.set(node, anchors.get(node.source));
      else if (node.anchor !== undefined) anchors.set(node.anchor, node);
    },
  });
  return targets;
}

function partsOf(node: unknown): readonly unknown[] {
  if (isPair(node)) return [node.key, node.value];
  return isCollection(node) ? node.items : [];
}

/** Counts the values of a part in which each alias is what it stands for. A part that holds itself has no end. */
function sizeOf(part: unknown, targets: Map<Alias, Node | undefined>): number {
  const known = new Map<unknown, number>();
  const measure = (from: unknown): number => {
    const node = isAlias(from) ? targets.get(from) : from;
    const before = known.get(node);
    if (before !== undefined) return before;
    known.set(node, Number.POSITIVE_INFINITY);
    const size = partsOf(node).reduce<number>((sum, item) => sum + measure(item), 1);
    known.set(node, size);
    return size;
  };
  return measure(part);
}

/** Returns what is wrong with the aliases of a document. */
function aliasFault(document: Document, line: Line): Parsed | undefined {
  const targets = targetsOf(document);
  for (const [alias, target] of targets)
    if (target === undefined)
      return failed('has an alias whose anchor is not set before it', line(alias.range?.[0] ?? 0));
  if (targets.size > 0 && sizeOf(document.contents, targets) > MAX_VALUES)
    return failed('repeats itself by aliases until it is too large');
  return undefined;
}

const isEmpty = ({ contents, errors }: Document): boolean =>
  errors.length === 0 && isScalar(contents) && contents.value === null;

const startOf = ({ contents }: Document): number => contents?.range?.[0] ?? 0;

/** Returns what is wrong with the documents of a text: kubelet reads the first one, empty or not. */
function documentsFault(documents: readonly Document[], line: Line): Parsed | undefined {
  const [given, second] = documents.filter((document) => !isEmpty(document));
  if (given === undefined) return failed('is empty');
  if (given !== documents[0])
    return failed(
      'begins after an empty document, the only one that kubelet reads',
      line(startOf(given)),
      'remove the separator --- before it',
    );
  if (second === undefined) return undefined;
  return failed(
    'begins a second document, which kubelet does not read',
    line(startOf(second)),
    'give each pod a file of its own',
  );
}

function syntaxFault(documents: readonly Document[], line: Line): Parsed | undefined {
  const errors = documents.flatMap((document) => withoutConsequences(document.errors));
  if (errors.length === 0) return undefined;
  return {
    faults: errors.map((error) => ({ path: '', cause: causeOf(error), line: line(error.pos[0]) })),
  };
}

/** To kubelet's reader a carriage return by itself ends a line. */
const withLineEnds = (text: string): string => text.replaceAll(/\r(?!\n)/g, '\n');

/** Parses the text of a manifest, which holds one document. Separators without a document after them do not count. */
export function parseManifest(given: string): Parsed {
  const text = withLineEnds(given);
  const lines = new LineCounter();
  const documents = [...parseAllDocuments(text, { ...DIALECT, lineCounter: lines })];
  const line: Line = (offset) => lines.linePos(offset).line;
  const refused = (fault: FormFault | undefined): Parsed | undefined =>
    fault === undefined ? undefined : failed(fault.cause, line(fault.offset), fault.advice);
  const fault =
    (isJson(text) ? jsonFault(text, line) : refused(characterFault(text))) ??
    syntaxFault(documents, line) ??
    documentsFault(documents, line);
  if (fault !== undefined) return fault;
  const [first] = documents;
  if (first === undefined) return failed('is empty');
  const partFault =
    aliasFault(first, line) ?? refused(versionFault(first, text)) ?? refused(valueFault(first));
  if (partFault !== undefined) return partFault;
  return {
    value: withoutNulls(first.toJS({ maxAliasCount: UNLIMITED })),
    lineOf: (path) => lineOf(first, lines, path),
  };
}
