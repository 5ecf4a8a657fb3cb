import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

import { parse } from '@kios/agent/parse';
import { errorCode, EXIT, KiosError } from '@kios/errors';
import * as v from 'valibot';

import { Lease } from './lease.ts';

/** A state file is missing, incomplete or of another version. */
export class StateError extends KiosError {
  constructor(message: string, options: ErrorOptions = {}) {
    super('KIOS_STATE', message, { ...options, exitCode: EXIT.data });
  }
}

const isMissing = (error: unknown): boolean => errorCode(error) === 'ENOENT';

function parseState<const Schema extends v.GenericSchema>(
  schema: Schema,
  file: string,
  text: string,
): v.InferOutput<Schema> {
  let input: unknown;
  try {
    input = JSON.parse(text);
  } catch (cause) {
    throw new StateError(`parse ${file}`, { cause });
  }
  return parse(schema, file, input, (message) => new StateError(message));
}

/** Reads a state file; undefined when it does not exist yet. */
export async function readStateIfThere<const Schema extends v.GenericSchema>(
  schema: Schema,
  file: string,
): Promise<v.InferOutput<Schema> | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw new StateError(`read ${file}`, { cause });
  }
  return parseState(schema, file, text);
}

/** Reads a state file. Fails when it does not exist yet. */
export async function readState<const Schema extends v.GenericSchema>(
  schema: Schema,
  file: string,
): Promise<v.InferOutput<Schema>> {
  const state = await readStateIfThere(schema, file);
  if (state === undefined) throw new StateError(`read ${file}: it does not exist yet`);
  return state;
}

async function readLease(file: string): Promise<Lease | StateError> {
  try {
    return await readState(Lease, file);
  } catch (error) {
    if (error instanceof StateError) return error;
    throw error;
  }
}

/** Reads every lease in a folder, in the order of the links. A bad file is reported in `errors` and hides no other. */
export async function readLeases(
  dir: string,
): Promise<{ readonly leases: readonly Lease[]; readonly errors: readonly StateError[] }> {
  const names = await readdir(dir).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw new StateError(`list ${dir}`, { cause: error });
  });
  const files = names.filter((name) => name.endsWith('.json') && !name.startsWith('.')).toSorted();
  const read = await Promise.all(files.map((name) => readLease(path.join(dir, name))));
  return {
    leases: read.filter((item): item is Lease => !(item instanceof StateError)),
    errors: read.filter((item) => item instanceof StateError),
  };
}

/** Formats the content of a state file. */
export function formatState<const Schema extends v.GenericSchema>(
  schema: Schema,
  state: v.InferInput<Schema>,
): string {
  return `${JSON.stringify(v.parse(schema, state))}\n`;
}
