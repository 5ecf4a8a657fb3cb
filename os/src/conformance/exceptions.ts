import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';
import * as v from 'valibot';
import { parse } from 'yaml';

const Text = v.pipe(v.string(), v.trim(), v.nonEmpty());
const OfOne = v.strictObject({ spec: Text, cause: Text });
const OfPattern = v.strictObject({
  pattern: Text,
  specs: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1)), 1),
  cause: Text,
});
const Entry = v.union([OfOne, OfPattern]);

/** Specs that do not pass, by the name of one or by a pattern of as many whole names as it says, and why. */
export type Exception = Readonly<v.InferOutput<typeof Entry>>;

const fault = (what: string, remedy: string): KiosError =>
  new KiosError('KIOS_CONFORMANCE_EXCEPTIONS', `use os/src/conformance/exceptions.yaml: ${what}`, {
    exitCode: EXIT.data,
    remedy,
  });

const FORM = 'Write spec and cause, or pattern, specs and cause, as docs/conformance.md shows.';

/** Reads exceptions from YAML. */
export function parseExceptions(text: string): Exception[] {
  const list = v.safeParse(v.array(v.unknown()), parse(text));
  if (!list.success) throw fault('it is no list', 'Write [] where there is no exception.');
  return list.output.map((entry, index) => {
    const read = v.safeParse(Entry, entry);
    if (!read.success) throw fault(`entry ${index + 1} is not understood`, FORM);
    return read.output;
  });
}

export const readExceptions = async (): Promise<Exception[]> =>
  parseExceptions(await readFile(path.join(import.meta.dirname, 'exceptions.yaml'), 'utf8'));

/** Returns a pattern that takes whole names only. */
function wholeName(pattern: string): RegExp {
  try {
    return new RegExp(`^(?:${pattern})$`, 'u');
  } catch {
    throw fault(`${pattern} is no regular expression`, FORM);
  }
}

function taken(exception: Exception, names: ReadonlySet<string>): string[] {
  if ('spec' in exception) return names.has(exception.spec) ? [exception.spec] : [];
  const pattern = wholeName(exception.pattern);
  return [...names].filter((name) => pattern.test(name));
}

/** Returns the causes by the names of specs. Fails where an exception takes more or fewer of the suite than it says. */
export function causesOf(
  exceptions: readonly Exception[],
  all: readonly string[],
): Map<string, string> {
  const names = new Set(all);
  const causes = new Map<string, string>();
  for (const exception of exceptions) {
    const found = taken(exception, names);
    const [what, wanted] =
      'spec' in exception ? [exception.spec, 1] : [exception.pattern, exception.specs];
    if (found.length !== wanted)
      throw fault(
        `${what} takes ${found.length} specs of the suite, and ${wanted} should be`,
        'Write the whole name, as ./kios conformance --list prints it, or the number of specs; remove what is of none.',
      );
    for (const name of found) {
      if (causes.has(name)) throw fault(`it names ${name} twice`, 'Remove one of the two.');
      causes.set(name, exception.cause);
    }
  }
  return causes;
}
