import path from 'node:path';

import { repository } from './paths.ts';
import type { Progress } from './progress.ts';
import { buildWorkspaces } from './turbo.ts';

/** Bundles an agent as it ships and returns the file, which Node runs as well as the image's runtime. */
export async function bundleAgent(name: string, progress: Progress): Promise<string> {
  await progress.task(`${name} agent`, (note) =>
    buildWorkspaces([`@kios/${name}`], { onLine: note }),
  );
  return path.join(repository, 'agents', name, 'dist/agent.cjs');
}
