import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

import { parse } from '@kios/agent/parse';
import { errorCode, EXIT, KiosError } from '@kios/errors';
import * as v from 'valibot';

import { Lease } from './lease.ts';
import { Lease6 } from './lease6.ts';

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

/** The good files of a folder, and what is wrong with the others. */
interface Found<State> {
  readonly leases: readonly State[];
  readonly errors: readonly StateError[];
}

async function readAll<State>(
  dir: string,
  read: (file: string) => Promise<State>,
): Promise<Found<State>> {
  const names = await readdir(dir).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw new StateError(`list ${dir}`, { cause: error });
  });
  const files = names.filter((name) => name.endsWith('.json') && !name.startsWith('.')).toSorted();
  const leases: State[] = [];
  const errors: StateError[] = [];
  for (const result of await Promise.allSettled(files.map((name) => read(path.join(dir, name))))) {
    if (result.status === 'fulfilled') leases.push(result.value);
    else if (result.reason instanceof StateError) errors.push(result.reason);
    else throw result.reason;
  }
  return { leases, errors };
}

/** Reads every lease in a folder, in the order of the links. A bad file is reported in `errors` and hides no other. */
export const readLeases = (dir: string): Promise<Found<Lease>> =>
  readAll(dir, (file) => readState(Lease, file));

/** Reads what DHCPv6 servers gave, as `readLeases` does for IPv4, from the same folder. */
export const readLeases6 = (dir: string): Promise<Found<Lease6>> =>
  readAll(path.join(dir, 'v6'), (file) => readState(Lease6, file));

/** Formats the content of a state file. */
export function formatState<const Schema extends v.GenericSchema>(
  schema: Schema,
  state: v.InferInput<Schema>,
): string {
  return `${JSON.stringify(v.parse(schema, state))}\n`;
}
