import { isScalar, LineCounter, parseAllDocuments, type Tags } from 'yaml';

import { type Fault, isRecord } from './schema.ts';

/** Tags of YAML 1.1 that Kubernetes knows; `TIME` marks numbers to the base 60, which it reads as text. */
const isKnown = (tag: unknown): boolean =>
  !isRecord(tag) ||
  (tag['format'] !== 'TIME' &&
    /:(?:map|seq|str|null|bool|int|float|merge)$/.test(String(tag['tag'])));

/**
 * YAML as Kubernetes reads it (sigs.k8s.io/yaml): version 1.1 with merge keys, so that `0400` is octal and `yes` a
 * bool. Check and build both read through here, so what is checked is what ships.
 */
const DIALECT = {
  version: '1.1',
  merge: true,
  uniqueKeys: true,
  customTags: (tags: Tags) => tags.filter(isKnown),
} as const;

/** An alias may repeat a part, but a file of a few lines must not grow to gigabytes. */
const MAX_ALIASES = 100;

/** Leaves out fields that are null, which Kubernetes' programs write for "not given". */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isRecord(value)) return value;
  const given = Object.entries(value).filter(([, field]) => field !== null && field !== undefined);
  return Object.fromEntries(given.map(([name, field]) => [name, withoutNulls(field)]));
}

/** A manifest as data, or why it is none. */
export type Parsed =
  | { readonly value: unknown; readonly faults?: undefined }
  | { readonly faults: readonly Fault[] };

const failed = (path: string, cause: string): Parsed => ({ faults: [{ path, cause }] });

/** Parses the text of a manifest, which holds one document. Separators without a document after them do not count. */
export function parseManifest(text: string): Parsed {
  const lineCounter = new LineCounter();
  const place = (offset: number): string => {
    const { line, col } = lineCounter.linePos(offset);
    return `line ${line}, column ${col}`;
  };
  const parsed = parseAllDocuments(text, { ...DIALECT, lineCounter });
  const documents = [...parsed].filter(
    ({ contents, errors }) => errors.length > 0 || !isScalar(contents) || contents.value !== null,
  );
  const errors = documents.flatMap((document) => document.errors);
  if (errors.length > 0)
    return {
      faults: errors.map(({ pos, message }) => ({
        path: place(pos[0]),
        cause: message.split('\n')[0] ?? '',
      })),
    };
  const [first, second] = documents;
  if (first === undefined) return failed('(document)', 'is empty');
  if (second !== undefined)
    return failed(
      place(second.contents?.range[0] ?? 0),
      'begins a second document, which kubelet does not read: give each pod a file of its own',
    );
  try {
    return { value: withoutNulls(first.toJS({ maxAliasCount: MAX_ALIASES })) };
  } catch (error) {
    return failed('(document)', error instanceof Error ? error.message : String(error));
  }
}
