import path from 'node:path';

import { repository } from './paths.ts';
import { run, type RunOptions } from './run.ts';

const TURBO = path.join(repository, 'node_modules/.bin/turbo');

/**
 * Builds workspaces, named by Turborepo filters; unchanged ones are skipped. What goes into an image never comes from a
 * remote cache.
 */
export const buildWorkspaces = (
  filters: readonly string[],
  options: RunOptions = {},
): Promise<string> =>
  run(
    TURBO,
    [
      'run',
      'build',
      ...filters.map((name) => `--filter=${name}`),
      '--cache=local:rw',
      '--output-logs=errors-only',
    ],
    { cwd: repository, ...options },
  );
