import * as v from 'valibot';

import { isMap, type Tree } from '../document/tree.ts';
import type { Path } from '../fault.ts';

/*
 * A schema's keys, as seen from outside: for unknown keys in a document, and for the table of the documentation.
 */

type Schema = v.GenericSchema;
type Entries = Readonly<Record<string, Schema>>;

const isSchema = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'schema';

function isEntries(value: unknown): value is Entries {
  return typeof value === 'object' && value !== null && Object.values(value).every(isSchema);
}

const isLazy = (schema: Schema): schema is v.LazySchema<Schema> => schema.type === 'lazy';

/** Removes what only wraps another schema; `input` chooses between the forms of a value. */
export function bare(schema: Schema, input?: unknown): Schema {
  if ('wrapped' in schema && isSchema(schema.wrapped)) return bare(schema.wrapped, input);
  return isLazy(schema) ? bare(schema.getter(input), input) : schema;
}

export function entriesOf(schema: Schema, input?: unknown): Entries | undefined {
  const inner = bare(schema, input);
  return inner.type === 'object' && 'entries' in inner && isEntries(inner.entries)
    ? inner.entries
    : undefined;
}

/** The schema of each value of a list or of a map with free keys. */
export function itemOf(schema: Schema, input?: unknown): Schema | undefined {
  const inner = bare(schema, input);
  if (inner.type === 'array' && 'item' in inner && isSchema(inner.item)) return inner.item;
  return inner.type === 'record' && 'value' in inner && isSchema(inner.value)
    ? inner.value
    : undefined;
}

const MAPS: ReadonlySet<string> = new Set(['object', 'loose_object', 'record']);

/** Returns the places of lists that stand where a map is expected: the library takes a list for a map. */
export function misplacedLists(schema: Schema, tree: Tree, path: Path = []): Path[] {
  const inner = bare(schema, tree);
  if (Array.isArray(tree) && MAPS.has(inner.type)) return [path];
  const entries = 'entries' in inner && isEntries(inner.entries) ? inner.entries : {};
  const item = itemOf(schema, tree);
  const below = Array.isArray(tree) ? [...tree.entries()] : Object.entries(isMap(tree) ? tree : {});
  return below.flatMap(([key, value]) => {
    const own = Object.hasOwn(entries, key) ? entries[key] : item;
    return own === undefined ? [] : misplacedLists(own, value, [...path, key]);
  });
}

/** The reason for which a key is refused. */
export function refusalOf(schema: Schema): string | undefined {
  const inner = bare(schema);
  if (!('pipe' in inner) || !Array.isArray(inner.pipe)) return undefined;
  for (const step of inner.pipe as readonly unknown[]) {
    if (typeof step !== 'object' || step === null || !('metadata' in step)) continue;
    const { metadata } = step;
    const has = typeof metadata === 'object' && metadata !== null && 'refused' in metadata;
    if (has) return String(metadata.refused);
  }
  return undefined;
}
