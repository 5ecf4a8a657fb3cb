import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';

import { cached, cacheKey } from '../../workstation/cache.ts';
import type { Progress } from '../../workstation/progress.ts';
import { run } from '../../workstation/run.ts';

/**
 * Unpacks a published npm package for any platform and returns its folder. npm verifies the registry's integrity hash;
 * nothing in the package is run.
 */
export async function npmPackage(
  name: string,
  version: string,
  progress: Progress,
): Promise<string> {
  const dir = await cached('npm', cacheKey(name, version), async (into) =>
    progress.task(`${name} ${version}`, async () => {
      await run('npm', ['pack', '--silent', `${name}@${version}`], { cwd: into });
      const archive = (await readdir(into)).find((file) => file.endsWith('.tgz'))!;
      await run('tar', ['-xzf', archive, '--no-same-owner'], { cwd: into });
      await rm(path.join(into, archive));
    }),
  );
  return path.join(dir, 'package');
}
