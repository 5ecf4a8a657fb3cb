import { readdirSync } from 'node:fs';
import path from 'node:path';

import { repository } from '../../workstation/paths.ts';

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

const FOLDER = 'os/test/e2e';
const END = '.test.ts';

/** The suites that boot the image, named after their files. */
export const GUEST_SUITES: readonly string[] = readdirSync(path.join(repository, FOLDER))
  .filter((name) => name.endsWith(END))
  .map((name) => path.basename(name, END));

/** Returns the file of a suite that boots the image, relative to the repository. */
export const fileOf = (suite: string): string => `${FOLDER}/${suite}${END}`;
