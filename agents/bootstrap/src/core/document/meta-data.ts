import { type Document, isAlias, isMap, isScalar, parseDocument } from 'yaml';

import { BootstrapError, fieldError } from '../faults/errors.ts';
import { decodeText, parseYaml, QUIET } from './yaml.ts';

/** NoCloud's meta-data, as far as a node looks at it. */
export interface MetaData {
  readonly instanceId: string | undefined;
  readonly hostname: string | undefined;
  /** What is wrong with it. The user data beside it counts all the same. */
  readonly fault?: BootstrapError | undefined;
}

export const NO_META_DATA: MetaData = { instanceId: undefined, hostname: undefined };

/** Returns a value as it is written, so that 0012 stays what it is; null and blanks count as absent. */
function textOf(source: string, doc: Document, key: string): string | undefined {
  const given = isMap(doc.contents) ? doc.contents.get(key, true) : undefined;
  const value = isAlias(given) ? given.resolve(doc) : given;
  if (value === undefined || value === null) return undefined;
  if (!isScalar(value)) throw fieldError(`read ${source}: ${key}: must be text`);
  if (value.value === null) return undefined;
  const text = typeof value.value === 'string' ? value.value : (value.source ?? '');
  return text.trim() === '' ? undefined : text.trim();
}

function parse(source: string, yaml: string): MetaData {
  const input = parseYaml(source, yaml);
  const doc = parseDocument(yaml, QUIET);
  if (input !== null && input !== undefined && !isMap(doc.contents))
    throw fieldError(`read ${source}: (top): must be a map with instance-id and local-hostname`);
  return {
    instanceId: textOf(source, doc, 'instance-id'),
    hostname: textOf(source, doc, 'local-hostname'),
  };
}

/** Parses NoCloud's meta-data; other programs read its other keys. */
export function parseMetaData(source: string, content: string | Uint8Array): MetaData {
  try {
    return parse(source, typeof content === 'string' ? content : decodeText(source, content));
  } catch (error) {
    if (!(error instanceof BootstrapError)) throw error;
    return { ...NO_META_DATA, fault: error };
  }
}
