import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

import type { Known, KnownMachine, Started } from '@kios/attestation';
import { describe, EXIT, KiosError } from '@kios/errors';
import * as v from 'valibot';
import { parse } from 'yaml';

const Digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits'));

/** The values to pin: firmware (0), what it loads from cards and drivers (2), Secure Boot and its keys (7). */
const Pcrs = v.pipe(
  v.record(v.picklist(['0', '2', '7'], 'must be 0, 2 or 7'), Digest),
  v.check(
    (pcrs) => pcrs['2'] !== undefined,
    'must have 2: a driver on the medium shows in no other',
  ),
);
const Machines = v.record(v.string(), v.strictObject({ key: Digest, pcrs: Pcrs }));

/**
 * The part of a `build.json` that counts: guard, loader, system and kernel, in this order. Without `pcr11` only its
 * programs do.
 */
const Build = v.object({
  measured: v.optional(
    v.object({
      pcr11: v.optional(Digest),
      programs: v.optional(v.pipe(v.array(Digest), v.minLength(2))),
    }),
  ),
});

interface Measured {
  readonly pcr11?: string | undefined;
  readonly programs: readonly string[];
}

/** Where the lists are. */
export interface Lists {
  /** Folder of `build.json` files, each of a system that may join, under any name that ends in `.json`. */
  readonly systems: string;
  /** File of the machines. */
  readonly machines: string;
}

const failed = (file: string, why: string): KiosError =>
  new KiosError('KIOS_ATTESTATION_LISTS', `read ${file}: ${why}`, {
    exitCode: EXIT.config,
    remedy: 'Correct that file; until then no request is decided.',
  });

async function read<Schema extends v.GenericSchema>(
  file: string,
  schema: Schema,
): Promise<v.InferOutput<Schema>> {
  let input: unknown;
  try {
    input = parse(await readFile(file, 'utf8'), { maxAliasCount: 0 });
  } catch (error) {
    throw failed(file, describe(error));
  }
  const parsed = v.safeParse(schema, input);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw failed(file, `${v.getDotPath(issue) ?? 'it'} ${issue.message}`);
}

async function readBuild(file: string): Promise<Measured> {
  const { measured } = await read(file, Build);
  const { pcr11, programs } = measured ?? {};
  if (programs !== undefined) return { pcr11, programs };
  throw failed(file, 'it was built without --pcr-key, or by a kiOS of before');
}

/** Returns a system by its PCR 11; nothing of a build that may not join. */
function systemOf({ pcr11, programs }: Measured): readonly (readonly [string, Started])[] {
  const [image = '', kernel = ''] = programs.slice(-2);
  return pcr11 === undefined ? [] : [[pcr11, { image, kernel }]];
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).filter((name) => name.endsWith('.json'));
  } catch (error) {
    throw failed(folder, describe(error));
  }
}

/** Reads the lists anew, so that a change counts at once. */
export async function readKnown({ systems, machines }: Lists): Promise<Known> {
  const names = await namesIn(systems);
  const builds = await Promise.all(names.map((name) => readBuild(path.join(systems, name))));
  const listed: Readonly<Record<string, KnownMachine>> = await read(machines, Machines);
  return {
    machines: new Map(Object.entries(listed)),
    systems: new Map(builds.flatMap(systemOf)),
    programs: new Set(builds.flatMap(({ programs }) => programs)),
  };
}
