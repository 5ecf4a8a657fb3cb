import { readFile } from 'node:fs/promises';
import path from 'node:path';

import * as v from 'valibot';
import { parse } from 'yaml';

const Exceptions = v.array(v.strictObject({ spec: v.string(), cause: v.string() }));

/** A spec that does not pass, by a part of its name, and why. */
export type Exception = Readonly<v.InferOutput<typeof Exceptions>[number]>;

export async function readExceptions(): Promise<Exception[]> {
  const text = await readFile(path.join(import.meta.dirname, 'exceptions.yaml'), 'utf8');
  return v.parse(Exceptions, parse(text));
}
