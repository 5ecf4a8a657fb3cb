import * as v from 'valibot';

import { isMap, type Tree } from '../document/tree.ts';
import { type Path, pathKey, type Report } from '../fault.ts';
import { nearest } from '../values/names.ts';
import { entriesOf, itemOf, misplacedLists, refusalOf } from './inspect.ts';
import { PrunedTree } from './prune.ts';

/** Names of keys that a person may write. */
const supported = (entries: Readonly<Record<string, v.GenericSchema>>): string[] =>
  Object.entries(entries).flatMap(([key, entry]) => (refusalOf(entry) === undefined ? [key] : []));

function reportUnknown(key: string, known: readonly string[], path: Path, report: Report): void {
  const close = nearest(key, known);
  const remedy =
    close === undefined ? `Known keys: ${known.join(', ')}.` : `Did you mean ${close}?`;
  report([...path, key], 'is not a known key', remedy);
}

/** Reports keys that a schema does not have, and removes them. */
function removeUnknown(schema: v.GenericSchema, tree: Tree, path: Path, report: Report): void {
  const item = itemOf(schema, tree);
  if (Array.isArray(tree) && item !== undefined)
    for (const [index, value] of tree.entries())
      removeUnknown(item, value, [...path, index], report);
  if (!isMap(tree)) return;
  const entries = entriesOf(schema, tree);
  for (const [key, value] of Object.entries(tree)) {
    const isOwn = entries === undefined || Object.hasOwn(entries, key);
    const inner = entries === undefined ? item : entries[key];
    if (!isOwn) {
      reportUnknown(key, supported(entries), path, report);
      delete tree[key];
    } else if (inner !== undefined) removeUnknown(inner, value, [...path, key], report);
  }
}

const NO_MAP = { what: 'is not a map', remedy: 'Write it as indented key: value lines.' } as const;
const NO_MAP_LINES = `${NO_MAP.what}\n${NO_MAP.remedy}`;
const OTHER_FORM = 'has another form\nSee docs/network.md.';
const FORMS: Readonly<Record<string, string>> = {
  string: 'is not a single value\nWrite one value, neither a list nor a map.',
  literal: 'is not the version that the rest of the file has\nWrite 1.',
  array: 'is not a list\nWrite it in brackets, or as lines that begin with a hyphen.',
  object: NO_MAP_LINES,
  loose_object: NO_MAP_LINES,
  record: NO_MAP_LINES,
};

/** Reports lists in place of maps, and removes them. Returns false if nothing is left. */
function removeLists(schema: v.GenericSchema, rest: PrunedTree, report: Report): boolean {
  const lists = misplacedLists(schema, rest.tree);
  for (const path of lists) report(path, NO_MAP.what, NO_MAP.remedy);
  if (lists.some((path) => path.length === 0)) return false;
  rest.remove(lists);
  return true;
}

const pathOf = (issue: v.BaseIssue<unknown>): (string | number)[] =>
  (issue.path ?? []).map(({ key }) => (typeof key === 'number' ? key : String(key)));

function messageOf(issue: v.BaseIssue<unknown>): string {
  if (issue.kind === 'schema' && issue.input === undefined) return 'is missing\nAdd it.';
  if (issue.kind === 'schema' && issue.input === null)
    return 'has no value\nGive it one, or remove it.';
  // The library's own messages quote the value, which may be a secret.
  const isOwn = issue.kind !== 'schema' || issue.type === 'picklist';
  return isOwn ? issue.message : (FORMS[issue.type] ?? OTHER_FORM);
}

const isMissing = (issue: v.BaseIssue<unknown>): boolean =>
  issue.kind === 'schema' && issue.input === undefined;

export interface Checked<Output> {
  /** Made of what has no fault; `undefined` if too little is left. */
  readonly output: Output | undefined;
  /** Places that were left out. */
  readonly damaged: readonly Path[];
  /** The path in the file of a path in `output`. */
  readonly original: (path: Path) => Path;
}

const ROUNDS = 12;

/**
 * Checks a tree against a schema. The output lacks what is faulty, so that later checks find more in one go. `depth`
 * is that of a `PrunedTree`.
 */
export function check<const Schema extends v.GenericSchema>(
  schema: Schema,
  tree: Tree,
  base: Path,
  report: Report,
  depth = 0,
): Checked<v.InferOutput<Schema>> {
  const damaged: Path[] = [];
  const faulty = new Set<string>();
  const note: Report = (path, what, remedy) => {
    damaged.push(path);
    faulty.add(pathKey(path));
    report([...base, ...path], what, remedy);
  };
  const rest = new PrunedTree(tree, depth);
  const original = (path: Path): Path => rest.original(path);
  if (!removeLists(schema, rest, note)) return { output: undefined, damaged, original };
  removeUnknown(schema, rest.tree, [], note);
  for (let round = 0; round < ROUNDS; round += 1) {
    const result = v.safeParse(schema, rest.tree);
    if (result.success) return { output: result.output, damaged, original };
    for (const issue of result.issues) {
      const [what, ...lines] = messageOf(issue).split('\n');
      const path = original(pathOf(issue));
      // What was taken out for a fault is not missing too.
      if (!isMissing(issue) || !faulty.has(pathKey(path))) note(path, what ?? '', lines.join(' '));
    }
    const faults = result.issues.map((issue) =>
      pathOf(issue).slice(0, isMissing(issue) ? -1 : undefined),
    );
    if (faults.some((path) => path.length === 0)) break;
    rest.remove(faults);
  }
  return { output: undefined, damaged, original };
}
