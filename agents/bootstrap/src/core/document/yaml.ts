import { isCollection, isMap, isScalar, parseDocument, visit } from 'yaml';

import { BootstrapError } from '../faults/errors.ts';

/** A document a person writes has a few hundred. */
const MAX_NODES = 10_000;
const MAX_TEXT = 4 * 1024 * 1024;

const bad = (source: string, why: string): BootstrapError =>
  new BootstrapError('KIOS_BOOTSTRAP_DOCUMENT', `read ${source}: ${why}`);

/** Bytes of a text file: UTF-8, a byte order mark allowed. Anything a text editor on another system may leave is named. */
export function decodeText(source: string, bytes: Uint8Array): string {
  if (bytes.length > MAX_TEXT) throw bad(source, `longer than ${MAX_TEXT} bytes`);
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff))
    throw bad(source, 'UTF-16 text; save it as UTF-8');
  if (bytes.includes(0)) throw bad(source, 'contains a NUL byte');
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw bad(source, 'not UTF-8 text');
  }
}

/** `__proto__` as a key would reach the prototype in a later merge. */
const POISON = new Set(['__proto__', 'constructor', 'prototype']);

function checkShape(source: string, doc: ReturnType<typeof parseDocument>): void {
  let nodes = 0;
  visit(doc, {
    Node: (_key, node) => {
      if (++nodes > MAX_NODES) throw bad(source, `more than ${MAX_NODES} nodes`);
      if (isCollection(node) && isMap(node))
        for (const pair of node.items)
          if (isScalar(pair.key) && POISON.has(String(pair.key.value)))
            throw bad(source, `key ${String(pair.key.value)} is not allowed`);
    },
  });
}

/** Parses one strict YAML document; a fault is a BootstrapError with line and column. Never shows the text itself: it holds secrets. */
export function parseYaml(source: string, text: string): unknown {
  const doc = parseDocument(text, { prettyErrors: false, uniqueKeys: true, stringKeys: true });
  const fault = doc.errors[0] ?? doc.warnings[0];
  if (fault !== undefined) {
    const before = text.slice(0, fault.pos[0]).split('\n');
    const where = `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
    throw bad(source, `${where}: ${fault.code.toLowerCase().replaceAll('_', ' ')}`);
  }
  checkShape(source, doc);
  try {
    return doc.toJS({ maxAliasCount: 100 });
  } catch {
    throw bad(source, 'aliases expand to too much');
  }
}
