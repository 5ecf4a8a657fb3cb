import { usageError } from '../workstation/usage-error.ts';
import { causesOf, type Exception } from './exceptions.ts';
import type { Suite } from './specs.ts';
import type { Causes } from './summary.ts';

/** Which specs a run has. */
export interface Selection {
  /** Patterns of Go's regular expressions; a spec is run that one of them takes. */
  readonly focus: readonly string[];
  readonly skip: readonly string[];
  readonly slice: number;
  readonly slices: number;
}

export interface Choice {
  readonly names: readonly string[];
  readonly causes: Causes;
}

/** Returns part `slice` of `slices`, counted from 1. Neighbours go to different parts: each has some of all areas. */
export const sliceOf = <T>(all: readonly T[], slice: number, slices: number): T[] =>
  all.filter((_, index) => index % slices === slice - 1);

/**
 * Returns the specs of a run, and the exceptions of the whole suite. Fails where there is nothing to run, and where an
 * exception is not of this suite.
 */
export async function chooseSpecs(
  suite: Pick<Suite, 'list'>,
  { focus, skip, slice, slices }: Selection,
  exceptions: readonly Exception[],
): Promise<Choice> {
  const { all, selected } = await suite.list(`(?:${focus.join('|')})`, skip.join('|'));
  if (selected.length === 0)
    throw usageError(
      'run specs: --focus and --skip leave none',
      'Give other patterns; they are regular expressions, so a bracket of a name needs a backslash.',
    );
  const names = sliceOf(selected.toSorted(), slice, slices);
  if (names.length === 0)
    throw usageError(
      `run specs: part ${slice} of ${slices} has none, as --focus and --skip leave ${selected.length}`,
      `Give --slice no more than ${selected.length} parts.`,
    );
  return { names, causes: causesOf(exceptions, all) };
}
