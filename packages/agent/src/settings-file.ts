import { nearest } from '@kios/network-config/names';
import type * as v from 'valibot';

import { readIfThere } from './read-if-there.ts';
import type { SettingFault } from './setting-faults.ts';
import { type PartFault, readParts } from './settings-parts.ts';
import { readYamlTree, type YamlTree } from './yaml-tree.ts';

export interface SettingsRead<T> {
  readonly settings: T;
  readonly faults: readonly SettingFault[];
}

/** The largest number of faults that are worth a line each. */
const MAX_FAULTS = 20;

function remedyOf({ path, known }: PartFault, page: string): string {
  if (known === undefined) return `Correct it; ${page} has all settings.`;
  const close = nearest(String(path.at(-1) ?? ''), known);
  return close === undefined ? `Known keys: ${known.join(', ')}.` : `Did you mean ${close}?`;
}

const top = (why: string): PartFault => ({ path: [], why });

/** Returns what a file holds, or why nothing of it counts. */
async function readTree(file: string): Promise<YamlTree> {
  const nothing = { tree: {}, faults: [], lineOf: () => undefined };
  try {
    const text = await readIfThere(file);
    return text === undefined ? nothing : await readYamlTree(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return { ...nothing, faults: [`cannot be read: ${why}`] };
  }
}

/**
 * Reads a file of settings in YAML. Whatever its faults are, the result is what is left without them: the schema's
 * defaults where there is no file, or none that can be read. `page` describes the settings.
 */
export async function readSettingsFile<const S extends v.GenericSchema>(
  schema: S,
  file: string,
  page: string,
): Promise<SettingsRead<v.InferOutput<S>>> {
  const { tree, faults, lineOf } = await readTree(file);
  const { value, faults: parts } = readParts(schema, tree);
  const all = [...faults.map(top), ...parts];
  const named = all.slice(0, MAX_FAULTS).map((fault) => {
    const line = lineOf(fault.path);
    return {
      file,
      ...(line === undefined ? {} : { line }),
      path: fault.path.length === 0 ? '(top)' : fault.path.join('.'),
      why: fault.why,
      remedy: remedyOf(fault, page),
    };
  });
  return { settings: value, faults: named };
}
