import * as v from 'valibot';

/** Numbers of tests by outcome. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export const NONE: Counts = { passed: 0, failed: 0, skipped: 0 };
export const ONE_FAILED: Counts = { ...NONE, failed: 1 };

export const add = (a: Counts, b: Counts): Counts => ({
  passed: a.passed + b.passed,
  failed: a.failed + b.failed,
  skipped: a.skipped + b.skipped,
});

const VitestReport = v.object({
  numPassedTests: v.number(),
  numFailedTests: v.number(),
  numPendingTests: v.number(),
  numTodoTests: v.number(),
  testResults: v.array(
    v.object({
      status: v.string(),
      assertionResults: v.array(
        v.object({ status: v.string(), fullName: v.optional(v.string(), '') }),
      ),
    }),
  ),
});

/** Counts of a run, and the full names of the tests that were skipped. */
export interface Results {
  readonly counts: Counts;
  readonly skipped: readonly string[];
}

const RAN = new Set(['passed', 'failed']);

/**
 * Counts the tests in vitest's JSON report. A file that fails without a failed test (it does not load) counts as one.
 */
export function countVitest(report: string): Results {
  const parsed = v.parse(v.pipe(v.string(), v.parseJson(), VitestReport), report);
  const broken = parsed.testResults.filter(
    ({ status, assertionResults }) =>
      status === 'failed' && assertionResults.every((test) => test.status !== 'failed'),
  );
  const skipped = parsed.testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ status }) => !RAN.has(status))
    .map(({ fullName }) => fullName);
  const counts = {
    passed: parsed.numPassedTests,
    failed: parsed.numFailedTests + broken.length,
    skipped: parsed.numPendingTests + parsed.numTodoTests,
  };
  return { counts, skipped };
}

const GoEvent = v.object({
  Action: v.string(),
  Package: v.optional(v.string(), ''),
  Test: v.optional(v.string()),
});

const GO_OUTCOMES: Readonly<Record<string, Counts>> = {
  pass: { ...NONE, passed: 1 },
  fail: ONE_FAILED,
  skip: { ...NONE, skipped: 1 },
};

/**
 * Counts the tests in the lines of `go test -json`. A package that fails without a failed test (it does not compile)
 * counts as one.
 */
export function countGo(lines: readonly string[]): Results {
  let counts = NONE;
  const skipped: string[] = [];
  const testsFailedIn = new Set<string>();
  const brokenPackages = new Set<string>();
  for (const line of lines) {
    const event = v.safeParse(v.pipe(v.string(), v.parseJson(), GoEvent), line);
    if (!event.success) continue;
    const { Action, Package, Test } = event.output;
    const outcome = GO_OUTCOMES[Action];
    if (outcome === undefined) continue;
    if (Test === undefined) {
      if (Action === 'fail') brokenPackages.add(Package);
      continue;
    }
    if (Action === 'fail') testsFailedIn.add(Package);
    if (Action === 'skip') skipped.push(`${Package} ${Test}`);
    counts = add(counts, outcome);
  }
  const broken = [...brokenPackages].filter((name) => !testsFailedIn.has(name));
  return { counts: add(counts, { ...NONE, failed: broken.length }), skipped };
}

/** Formats the last line of a run, which people and CI read. */
export function formatCounts({ passed, failed, skipped }: Counts): string {
  const line = `${passed} passed, ${failed} failed`;
  return skipped === 0 ? line : `${line}, ${skipped} skipped`;
}
