import { repeatedKeys } from '@kios/network-config/repeated-keys';
import {
  type Document,
  isMap,
  isScalar,
  Lexer,
  parseAllDocuments,
  parseDocument,
  type Scalar,
  type ScalarTag,
  stringify,
  type Tags,
  visit,
} from 'yaml';

import { BootstrapError } from '../faults/errors.ts';

/** Bytes of a document, unpacked. */
export const MAX_TEXT = 1024 * 1024;
/** Words, signs, blanks and line ends. A document written by a person has a few thousand. */
const MAX_TOKENS = 50_000;

const bad = (source: string, why: string): BootstrapError =>
  new BootstrapError('KIOS_BOOTSTRAP_DOCUMENT', `read ${source}: ${why}`);

/**
 * Decodes a UTF-8 text file, with or without a byte order mark. The fault says what another system's editor left in it.
 */
export function decodeText(source: string, bytes: Uint8Array): string {
  if (bytes.length > MAX_TEXT) throw bad(source, `it is longer than ${MAX_TEXT} bytes`);
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff))
    throw bad(source, 'it is UTF-16 text; save it as UTF-8');
  if (bytes.includes(0)) throw bad(source, 'it contains a NUL byte');
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw bad(source, 'it is not UTF-8 text');
  }
}

/** As keys, these would reach the prototype in a later merge. */
const POISON = new Set(['__proto__', 'constructor', 'prototype']);

/** In quotes it is an ordinary key, which kubelet's parser would take for a merge once it is written again. */
const isQuotedMerge = (key: Scalar): boolean => key.value === '<<' && key.type !== 'PLAIN';

function checkKeys(source: string, doc: Document.Parsed): void {
  visit(doc, {
    Collection: (_key, node) => {
      if (!isMap(node)) return;
      for (const { key } of node.items)
        if (isScalar(key) && (POISON.has(String(key.value)) || isQuotedMerge(key)))
          throw bad(source, `the key ${String(key.value)} is not allowed`);
    },
  });
}

/**
 * Checks the size of texts that are parsed together. A parsed token takes up to a kilobyte, so they are counted before:
 * a document must not bring the agent to the limit of its memory.
 */
export function checkSize(source: string, texts: readonly string[]): void {
  let tokens = 0;
  for (const text of texts) {
    const rest = new Lexer().lex(text);
    while (rest.next().done !== true)
      if (++tokens > MAX_TOKENS)
        throw bad(source, `it has more than ${MAX_TOKENS} words and signs`);
  }
}

/** A value that YAML marks as binary. */
export class Binary {
  readonly base64: string;

  constructor(base64: string) {
    this.base64 = base64;
  }
}

/** YAML's `!!binary`, which documents for a node do not have. */
export const BINARY: ScalarTag = {
  tag: 'tag:yaml.org,2002:binary',
  resolve: (base64) => new Binary(base64),
};

/** The parser's own warnings would go to stderr, with parts of the text in them. */
export const QUIET = { prettyErrors: false, uniqueKeys: false, logLevel: 'error' } as const;
/** With `<<`, which every program has that reads these documents. */
const OPTIONS = { ...QUIET, stringKeys: true, merge: true } as const;

interface FormFault {
  readonly at: number;
  readonly what: string;
}

/** Returns what is wrong with the form of a document. */
function formFault(doc: Document.Parsed): FormFault | undefined {
  const fault = doc.errors[0] ?? doc.warnings[0];
  if (fault !== undefined)
    return { at: fault.pos[0], what: fault.code.toLowerCase().replaceAll('_', ' ') };
  const [twice] = repeatedKeys(doc);
  return twice === undefined ? undefined : { at: twice.range?.[0] ?? 0, what: 'duplicate key' };
}

function toValue(source: string, text: string, doc: Document.Parsed): unknown {
  const fault = formFault(doc);
  if (fault !== undefined) {
    const before = text.slice(0, fault.at).split('\n');
    const where = `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
    throw bad(source, `${where}: ${fault.what}`);
  }
  checkKeys(source, doc);
  try {
    return doc.toJS({ maxAliasCount: 100 });
  } catch {
    throw bad(source, 'its aliases expand to too much');
  }
}

/**
 * Parses all strict YAML documents of a text; an empty one is null. A fault has line and column but never the text,
 * which holds secrets.
 */
export function parseYamlDocuments(
  source: string,
  text: string,
  customTags: Tags = [],
): readonly unknown[] {
  checkSize(source, [text]);
  const options = { ...OPTIONS, customTags };
  const documents = [...parseAllDocuments(text, options)];
  // The faults of a text without any document are known only to the parser of one.
  const all = documents.length === 0 ? [parseDocument(text, options)] : documents;
  return all.map((doc) => toValue(source, text, doc));
}

/** Parses one strict YAML document. Empty ones around it, as after a last `---`, do not count. */
export function parseYaml(source: string, text: string, customTags: Tags = []): unknown {
  const all = parseYamlDocuments(source, text, customTags);
  const documents = all.filter((document) => document !== null);
  if (documents.length > 1) throw bad(source, `it has ${documents.length} YAML documents`);
  return documents[0] ?? null;
}

/** Formats YAML for kubelet, whose parser takes `yes`, `on` and `y` for true, as YAML 1.1 does: those get quotes. */
export const formatYaml = (value: unknown): string => stringify(value, { compat: 'yaml-1.1' });
