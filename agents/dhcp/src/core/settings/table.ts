import { EXIT, KiosError } from '@kios/errors';
import * as v from 'valibot';

/** The declaration of one setting or flag. Flags, help, checks and types follow from it. */
export interface Row {
  /** Form of the value, in the configuration file too. */
  readonly schema: v.GenericSchema;
  /** Undefined leaves the value out. */
  readonly default: unknown;
  readonly describe: string;
  /** The flag's name, where it is not the key in kebab case. */
  readonly flag?: string;
  /** Makes the value from the texts of a flag that may be repeated. */
  readonly fromFlag?: (texts: readonly string[]) => unknown;
}

export type Table = Readonly<Record<string, Row>>;

/** The values that a table declares, by key. */
export type Values<T extends Table> = {
  readonly [Key in keyof T]:
    | v.InferOutput<T[Key]['schema']>
    | (T[Key]['default'] extends undefined ? undefined : never);
};

/** A value of the command line that its declaration does not allow. */
class FlagError extends KiosError {
  constructor(flag: string, fault: string) {
    super('KIOS_USAGE', `use --${flag}: ${fault}`, {
      exitCode: EXIT.usage,
      remedy: 'See --help.',
    });
  }
}

/** A flag as command line parsers declare it. */
export interface Flag {
  readonly type: 'string' | 'number' | 'boolean';
  readonly array: boolean;
  readonly choices?: readonly string[];
  readonly default: unknown;
  readonly describe: string;
}

const flagName = (key: string, { flag }: Row): string =>
  flag ?? key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((each) => typeof each === 'string');

function flagOf(row: Row): Flag {
  const { schema, fromFlag, describe } = row;
  const array = fromFlag !== undefined || schema.type === 'array';
  const type = schema.type === 'boolean' || schema.type === 'number' ? schema.type : 'string';
  const choices = 'options' in schema && isTexts(schema.options) ? schema.options : undefined;
  const value = fromFlag === undefined ? row.default : [];
  return { type, array, ...(choices && { choices }), default: value, describe };
}

/** The flags of a table, by name. */
export const flagsOf = (table: Table): Record<string, Flag> =>
  Object.fromEntries(Object.entries(table).map(([key, row]) => [flagName(key, row), flagOf(row)]));

/** Makes a value for each row. TypeScript cannot check that the values have the table's types. */
const mapRows = <const T extends Table>(
  table: T,
  make: (row: Row, key: string) => unknown,
): Values<T> =>
  // oxlint-disable-next-line no-unsafe-type-assertion
  Object.fromEntries(Object.entries(table).map(([key, row]) => [key, make(row, key)])) as Values<T>;

/** Checks a parser's values, by flag, and returns them by key. */
export const readFlags = <const T extends Table>(
  table: T,
  given: Readonly<Record<string, unknown>>,
): Values<T> =>
  mapRows(table, (row, key) => {
    const flag = flagName(key, row);
    return readFlag(flag, row, given[flag]);
  });

/** Returns only the values that the table declares. */
export const pick = <const T extends Table>(
  table: T,
  values: Readonly<Record<string, unknown>> & Values<T>,
): Values<T> => mapRows(table, (_, key) => values[key]);

function readFlag(flag: string, row: Row, given: unknown): unknown {
  // A default is not checked at each start: tests do that.
  if (given === undefined) return row.default;
  const input = row.fromFlag !== undefined && isTexts(given) ? row.fromFlag(given) : given;
  const result = v.safeParse(row.schema, input);
  if (result.success) return result.output;
  const faults = result.issues.map((issue) => {
    const path = v.getDotPath(issue);
    return path === null ? issue.message : `${path}: ${issue.message}`;
  });
  throw new FlagError(flag, faults.join('; '));
}
