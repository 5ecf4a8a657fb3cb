/** The parts of `kios test`, in the order in which they run. */
export const SUITES = ['unit', 'netns', 'e2e'] as const;
export type SuiteName = (typeof SUITES)[number];

/** A suite is every npm script of these names in every workspace; whoever adds a test only adds a script. */
export const SCRIPTS: Readonly<Record<SuiteName, readonly string[]>> = {
  unit: ['test'],
  netns: ['test:netns'],
  e2e: ['test:integration', 'test:e2e'],
};

/** Part of e2e as well, but it mostly waits: it runs beside whatever comes before the boots. */
export const BACKGROUND = 'test:cluster';
/** These have the processors to themselves: a guest's time is theirs. */
export const EXCLUSIVE = 'test:e2e';
