import { EXIT, KiosError } from '@kios/errors';
import type * as v from 'valibot';

import { parse } from './parse.ts';
import { readIfThere } from './read-if-there.ts';

/** A fault in a configuration file. The message names the file, the path in it and the fault. */
export class ConfigError extends KiosError {
  constructor(message: string, options: ErrorOptions = {}) {
    super('KIOS_CONFIG', message, { ...options, exitCode: EXIT.config });
  }
}

const configError = (message: string): ConfigError => new ConfigError(message);

/** Reads a YAML file. A missing or empty file counts as `{}`, so that the schema's defaults apply. */
export async function readYamlConfig<const Schema extends v.GenericSchema>(
  schema: Schema,
  file: string,
): Promise<v.InferOutput<Schema>> {
  const text = await readIfThere(file).catch((cause: unknown) => {
    throw new ConfigError(`read ${file}`, { cause });
  });
  if (text === undefined) return parse(schema, file, {}, configError);
  // Most nodes have no such file, so the parser is loaded on demand.
  const yaml = await import('yaml');
  let input: unknown;
  try {
    input = yaml.parse(text, { uniqueKeys: true, maxAliasCount: 100 });
  } catch (cause) {
    throw new ConfigError(`parse ${file}`, { cause });
  }
  return parse(schema, file, input ?? {}, configError);
}
