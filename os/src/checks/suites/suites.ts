/** The parts of `kios test`, in the order in which they run. */
export const SUITES = ['unit', 'netns', 'e2e'] as const;
export type SuiteName = (typeof SUITES)[number];

/** A suite is every npm script of these names in all workspaces: a new test needs only a script. */
export const SCRIPTS: Readonly<Record<SuiteName, readonly string[]>> = {
  unit: ['test'],
  netns: ['test:netns'],
  e2e: ['test:cluster', 'test:integration', 'test:e2e'],
};

/** Scripts that mostly wait. Where guests are booted they run in the background until these start. */
export const BACKGROUND: readonly string[] = ['test:cluster', 'test:netns'];
/** Scripts that boot guests, which need the processors to themselves because a guest's clock depends on them. */
export const EXCLUSIVE = 'test:e2e';
