import path from 'node:path';

import { repository } from './paths.ts';
import { run, type RunOptions } from './run.ts';

const TURBO = path.join(repository, 'node_modules/.bin/turbo');

/** Builds workspaces of the repository, named as Turborepo's filters have it; what has not changed is skipped. */
export const buildWorkspaces = (
  filters: readonly string[],
  options: RunOptions = {},
): Promise<string> =>
  run(
    TURBO,
    ['run', 'build', ...filters.map((name) => `--filter=${name}`), '--output-logs=errors-only'],
    { cwd: repository, ...options },
  );
