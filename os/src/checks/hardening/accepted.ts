import { readFile } from 'node:fs/promises';
import path from 'node:path';

import * as v from 'valibot';
import { parse } from 'yaml';

import { type Arch, ARCHES } from '../../workstation/paths.ts';
import type { Check } from './checker.ts';

const FILE = path.join(import.meta.dirname, 'accepted-failures.yaml');
const LONGEST_REASON = 200;

const Accepted = v.array(
  v.strictObject({
    option: v.string(),
    type: v.picklist(['cmdline', 'kconfig', 'sysctl']),
    /** The only architecture on which the check fails; without it, the check fails on each. */
    only: v.optional(v.picklist(ARCHES)),
    reason: v.pipe(v.string(), v.minLength(20), v.maxLength(LONGEST_REASON)),
  }),
);

/** A check that fails, with the reason why that is accepted. */
export type AcceptedFailure = v.InferOutput<typeof Accepted>[number];

export const parseAccepted = (text: string): AcceptedFailure[] => v.parse(Accepted, parse(text));

/** Reads the accepted failures of one architecture, or all of them. */
export async function readAccepted(arch?: Arch): Promise<AcceptedFailure[]> {
  const all = parseAccepted(await readFile(FILE, 'utf8'));
  return all.filter(({ only }) => only === undefined || arch === undefined || only === arch);
}

/** The differences between the two lists; both are empty when they agree. */
interface Difference {
  /** Checks that fail and are not in the list of accepted failures. */
  readonly unknown: readonly string[];
  /** Accepted failures that no longer fail. */
  readonly gone: readonly string[];
}

const keyOf = ({ type, option }: { readonly type: string; readonly option: string }): string =>
  `${type} ${option}`;

export function compareFailures(
  checks: readonly Check[],
  accepted: readonly AcceptedFailure[],
): Difference {
  const failures = checks.filter(({ passed }) => !passed);
  const known = new Set(accepted.map(keyOf));
  const failing = new Set(failures.map(keyOf));
  return {
    unknown: failures
      .filter((check) => !known.has(keyOf(check)))
      .map((check) => `${keyOf(check)}: wanted ${check.desired}, ${check.result}`),
    gone: accepted.map(keyOf).filter((key) => !failing.has(key)),
  };
}
