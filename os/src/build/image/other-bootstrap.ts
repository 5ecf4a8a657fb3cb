import { existsSync } from 'node:fs';
import path from 'node:path';

import { repository } from '../../workstation/paths.ts';
import type { Progress } from '../../workstation/progress.ts';
import { run } from '../../workstation/run.ts';
import { type BootstrapChoice, PLUGINS, SOURCE } from '../manifests/bootstrap-choice.ts';
import type { ImagesRequest } from './images.ts';

/** Bundles the agent that the user chose, as the shipped agents are bundled. */
export async function otherBootstrap(
  choice: BootstrapChoice | undefined,
  progress: Progress,
): Promise<Pick<ImagesRequest, 'bootstrap'>> {
  if (choice?.kind !== 'agent') return {};
  const { folder, image } = choice;
  const isThere = (part: string): boolean => existsSync(path.join(folder, part));
  const bundler = path.join(repository, 'node_modules/.bin/kios-bundle');
  if (isThere(SOURCE)) await progress.task(image, () => run(bundler, [], { cwd: folder }));
  const bundle = isThere(SOURCE) ? path.join(folder, 'dist/agent.cjs') : undefined;
  const plugins = isThere(PLUGINS) ? path.join(folder, PLUGINS) : undefined;
  return { bootstrap: { image, bundle, plugins } };
}
