/** The parts of `kios test`, in the order in which they run. */
export const SUITES = ['unit', 'netns', 'e2e'] as const;
export type SuiteName = (typeof SUITES)[number];

/** A suite is every npm script of these names in all workspaces: a new test needs only a script. */
export const SCRIPTS: Readonly<Record<SuiteName, readonly string[]>> = {
  unit: ['test'],
  netns: ['test:netns'],
  e2e: ['test:integration', 'test:e2e'],
};

/** Part of e2e. It mostly waits, so it runs in the background until the exclusive scripts start. */
export const BACKGROUND = 'test:cluster';
/** Scripts that boot guests, which need the processors to themselves because a guest's clock depends on them. */
export const EXCLUSIVE = 'test:e2e';
