import * as v from 'valibot';

/** A key of a map, or a place in a list. */
export type Key = string | number;
export type Path = readonly Key[];

/** A part of a tree that does not count. */
export interface PartFault {
  /** From the top. */
  readonly path: Path;
  readonly why: string;
  /** For an unknown key: what may stand there. */
  readonly known?: readonly string[];
}

type TreeMap = Record<string, unknown>;

const isMap = (value: unknown): value is TreeMap =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What a faulty part becomes. The others of its list keep their places, which people know them by. */
const VOID = Symbol('void');

/** A schema, as far as trees are held against it. valibot's own types cannot be walked. */
const Schema = v.object({
  type: v.string(),
  wrapped: v.optional(v.unknown()),
  entries: v.optional(v.record(v.string(), v.unknown())),
  value: v.optional(v.unknown()),
  item: v.optional(v.unknown()),
});
type Schema = v.InferOutput<typeof Schema>;

/** Returns the schema of a value that is there. */
function schemaOf(given: unknown): Schema | undefined {
  const { success, output } = v.safeParse(Schema, given);
  if (!success) return undefined;
  return output.wrapped === undefined ? output : schemaOf(output.wrapped);
}

const below = (schema: Schema | undefined, key: Key): Schema | undefined =>
  schemaOf(schema?.entries?.[String(key)] ?? schema?.value ?? schema?.item);

/** A part in the place of a map: one without a value is an empty map, and anything else a fault. */
function shapeOther(value: unknown, path: Path, faults: PartFault[]): unknown {
  if (value !== null && value !== undefined) faults.push({ path, why: 'is not a map' });
  return typeof path.at(-1) === 'number' ? VOID : {};
}

/** Makes a map of each part that is to be one. The library takes a list for a map. */
function shape(
  value: unknown,
  schema: Schema | undefined,
  path: Path,
  faults: PartFault[],
): unknown {
  const inner = (item: unknown, key: Key): unknown =>
    shape(item, below(schema, key), [...path, key], faults);
  if (Array.isArray(value) && schema?.item !== undefined) return value.map(inner);
  if (schema?.type !== 'strict_object' && schema?.type !== 'record') return value;
  if (!isMap(value)) return shapeOther(value, path, faults);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, inner(item, key)]));
}

/** Returns the tree without what is void. */
function sweep(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((item) => item !== VOID).map(sweep);
  if (!isMap(value)) return value;
  const entries = Object.entries(value).filter(([, item]) => item !== VOID);
  return Object.fromEntries(entries.map(([key, item]) => [key, sweep(item)]));
}

const childOf = (at: unknown, key: Key): unknown => {
  if (Array.isArray(at)) return at[Number(key)];
  return isMap(at) ? at[String(key)] : undefined;
};

/** Turns a path in the swept tree into one in the tree itself. */
function inTree(tree: unknown, swept: Path): Path {
  const path: Key[] = [];
  let at = tree;
  for (const key of swept) {
    const places = Array.isArray(at)
      ? at.flatMap((item, place) => (item === VOID ? [] : [place]))
      : undefined;
    const own = places?.[Number(key)] ?? key;
    path.push(own);
    at = childOf(at, own);
  }
  return path;
}

/** Makes void what a path leads to, or the part around it where nothing is there: a key that must be. */
function voidAt(tree: unknown, path: Path): boolean {
  const last = path.at(-1);
  if (last === undefined) return false;
  const parent = path.slice(0, -1).reduce(childOf, tree);
  // Another fault has taken the whole part.
  if (parent === VOID) return true;
  const there = childOf(parent, last);
  if (there === undefined || there === VOID) return voidAt(tree, path.slice(0, -1));
  if (Array.isArray(parent)) parent[Number(last)] = VOID;
  else if (isMap(parent)) parent[String(last)] = VOID;
  return true;
}

/** Why a value is no value of its setting. The library's own sentences are for programmers. */
const WHYS: Readonly<Record<string, (requirement: unknown) => string>> = {
  string: () => 'is not a text',
  number: () => 'is not a number',
  boolean: () => 'is neither true nor false',
  array: () => 'is not a list',
  integer: () => 'is not a whole number',
  finite: () => 'is not finite',
  min_length: () => 'is empty',
  max_length: (most) => `has more than ${String(most)} characters`,
  min_value: (least) => `is below ${String(least)}`,
  max_value: (most) => `is above ${String(most)}`,
};

function whyOf(issue: v.BaseIssue<unknown>): string {
  if (issue.kind === 'schema' && issue.input === null) return 'has no value';
  if (issue.type === 'strict_object' && issue.received === 'undefined') return 'is missing';
  if (issue.type === 'picklist')
    return `is not one of ${String(issue.expected).replaceAll('"', '')}`;
  return WHYS[issue.type]?.(issue.requirement) ?? issue.message;
}

const isUnknown = ({ type, expected }: v.BaseIssue<unknown>): boolean =>
  type === 'strict_object' && expected === 'never';

function faultOf(issue: v.BaseIssue<unknown>, path: Path, top: Schema | undefined): PartFault {
  if (!isUnknown(issue)) return { path, why: whyOf(issue) };
  const around = path.slice(0, -1).reduce<Schema | undefined>(below, top);
  return { path, why: 'is not a known key', known: Object.keys(around?.entries ?? {}) };
}

const keyOf = ({ key }: { readonly key: unknown }): Key =>
  typeof key === 'number' ? key : String(key);

/**
 * Reads a tree by a schema whose every top key has a default. What is faulty is left out and named, and the rest
 * counts: a slip about one setting must not cost a node the others. The tree is not changed.
 */
export function readParts<const S extends v.GenericSchema>(
  schema: S,
  input: unknown,
): { readonly value: v.InferOutput<S>; readonly faults: readonly PartFault[] } {
  const faults: PartFault[] = [];
  const top = schemaOf(schema);
  const tree = shape(input, top, [], faults);
  for (;;) {
    const swept = sweep(tree);
    const result = v.safeParse(schema, swept);
    if (result.success) return { value: result.output, faults };
    const found = result.issues.map((issue) => ({
      issue,
      path: inTree(tree, (issue.path ?? []).map(keyOf)),
    }));
    for (const { issue, path } of found)
      // What is void already has been told.
      if (path.reduce(childOf, tree) !== VOID) faults.push(faultOf(issue, path, top));
    // Nothing would be left to take out.
    if (found.some(({ path }) => !voidAt(tree, path)))
      return { value: v.parse(schema, {}), faults };
  }
}
