import { parseArgs } from 'node:util';

import {
  type Flag,
  flagsOf,
  readFlags,
  type Table,
  type Values,
} from '../../core/settings/table.ts';

/**
 * Reads a command line without yargs, which takes longer to load than everything else before the first packet. Returns
 * undefined for a line that is wrong or needs more than values of flags: yargs explains faults and prints help.
 */
export function readPlainLine<const T extends Table>(
  table: T,
  line: readonly string[],
): Values<T> | undefined {
  const flags = flagsOf(table);
  try {
    const { values } = parseArgs({ args: [...line], options: optionsOf(flags) });
    return readFlags(table, valuesOf(flags, values));
  } catch {
    return undefined;
  }
}

type Options = NonNullable<NonNullable<Parameters<typeof parseArgs>[0]>['options']>;

/** Every flag may be repeated here, so that `valuesOf` can find flags that must not be. */
function optionsOf(flags: Readonly<Record<string, Flag>>): Options {
  const options: Options = {};
  for (const [name, { type }] of Object.entries(flags)) {
    options[name] = { type: type === 'boolean' ? 'boolean' : 'string', multiple: true };
    if (type === 'boolean') options[`no-${name}`] = options[name];
  }
  return options;
}

function valuesOf(
  flags: Readonly<Record<string, Flag>>,
  given: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [name, flag] of Object.entries(flags)) {
    const on = listOf(given[name]);
    const off = listOf(given[`no-${name}`]).map(() => false);
    const all = [...on, ...off];
    if (all.length === 0) continue;
    if (all.includes('') || (!flag.array && all.length > 1)) throw new Error(`unclear --${name}`);
    const [value] = all;
    if (flag.array) values[name] = all;
    else values[name] = flag.type === 'number' ? Number(value) : value;
  }
  return values;
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
