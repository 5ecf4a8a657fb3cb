import * as v from 'valibot';

import { ConfigFile } from './settings.ts';

/** A part of the file that does not count. */
export interface SettingFault {
  /** Keys from the top, with dots between them. */
  readonly path: string;
  readonly why: string;
  /** For an unknown key: what may stand there. */
  readonly known?: readonly string[];
}

type Key = string | number;
type Path = readonly Key[];
type TreeMap = Record<string, unknown>;

const EMPTY: ConfigFile = { interfaces: {} };

const isMap = (value: unknown): value is TreeMap =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const faultAt = (path: Path, why: string): SettingFault => ({
  path: path.length === 0 ? '(top)' : path.join('.'),
  why,
});

/** A part without a value is an empty one. The library takes a list for a map, so that is looked at here. */
function asMap(value: unknown, path: Path, faults: SettingFault[]): TreeMap {
  if (isMap(value)) return { ...value };
  if (value !== undefined && value !== null) faults.push(faultAt(path, 'is not a map'));
  return {};
}

/** Why a value is no value of its setting. The library's own sentences are for programmers. */
const WHYS: Readonly<Record<string, (requirement: unknown) => string>> = {
  string: () => 'is not a text',
  number: () => 'is not a number',
  boolean: () => 'is neither true nor false',
  array: () => 'is not a list',
  record: () => 'is not a map',
  integer: () => 'is not a whole number',
  min_value: (least) => `is below ${String(least)}`,
  max_value: (most) => `is above ${String(most)}`,
};

function whyOf(issue: v.BaseIssue<unknown>): string {
  if (issue.kind === 'schema' && issue.input === null) return 'has no value';
  if (issue.type === 'picklist')
    return `is not one of ${String(issue.expected).replaceAll('"', '')}`;
  return WHYS[issue.type]?.(issue.requirement) ?? issue.message;
}

const keyOf = ({ key }: { readonly key: unknown }): Key =>
  typeof key === 'number' ? key : String(key);

const isUnknown = ({ type, expected }: v.BaseIssue<unknown>): boolean =>
  type === 'strict_object' && expected === 'never';

/** What may stand in the file, and below the name of a link. */
const TOP = Object.keys(ConfigFile.entries);
const OF_LINK = Object.keys(ConfigFile.entries.interfaces.wrapped.value.entries);

/** Takes out what a path leads to, and tells the entries of a list by their places in the file. */
function remove(tree: TreeMap, path: Path): void {
  let at: unknown = tree;
  for (const key of path.slice(0, -1))
    at = Array.isArray(at) ? at[Number(key)] : isMap(at) ? at[key] : at;
  const last = path.at(-1) ?? '';
  if (Array.isArray(at)) at.splice(Number(last), 1);
  else if (isMap(at)) delete at[last];
}

/**
 * Reads what `dhcp.yaml` holds. What is faulty in it is left out, and the rest counts: a slip about one setting must
 * not cost the node its network.
 */
export function readSettings(tree: unknown): {
  readonly file: ConfigFile;
  readonly faults: readonly SettingFault[];
} {
  const faults: SettingFault[] = [];
  const top = asMap(structuredClone(tree), [], faults);
  const links = asMap(top['interfaces'], ['interfaces'], faults);
  for (const [link, settings] of Object.entries(links))
    links[link] = asMap(settings, ['interfaces', link], faults);
  top['interfaces'] = links;
  for (;;) {
    const result = v.safeParse(ConfigFile, top);
    if (result.success) return { file: result.output, faults };
    const paths = result.issues.map((issue) => (issue.path ?? []).map(keyOf));
    for (const [at, issue] of result.issues.entries()) {
      const path = paths[at] ?? [];
      const known = path.length === 1 ? TOP : OF_LINK;
      faults.push(
        isUnknown(issue)
          ? { ...faultAt(path, 'is not a known key'), known }
          : faultAt(path, whyOf(issue)),
      );
    }
    // Nothing would be left to take out.
    if (paths.some((path) => path.length === 0)) return { file: EMPTY, faults };
    // Later entries of a list first: the others keep their places.
    for (const path of paths.toReversed()) remove(top, path);
  }
}
