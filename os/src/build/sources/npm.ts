import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';

import { cached, cacheKey } from '../../workstation/cache.ts';
import type { Progress } from '../../workstation/progress.ts';
import { run } from '../../workstation/run.ts';
import type { NpmPackage } from '../versions.ts';
import { checkHash, integrityOf } from './integrity.ts';

/**
 * Unpacks a published npm package for any platform and returns its folder. npm compares the archive only with the hash
 * that the registry itself gives, so this compares it with the repository's. Nothing in the package is run.
 */
export async function npmPackage(wanted: NpmPackage, progress: Progress): Promise<string> {
  const { integrity, name, version } = wanted;
  const dir = await cached('npm', cacheKey(name, version, integrity), async (into) =>
    progress.task(`${name} ${version}`, async () => {
      await run('npm', ['pack', '--silent', '--ignore-scripts', `${name}@${version}`], {
        cwd: into,
      });
      const archive = path.join(
        into,
        (await readdir(into)).find((file) => file.endsWith('.tgz'))!,
      );
      checkHash(`the npm package ${name}@${version}`, await integrityOf(archive), integrity);
      await run('tar', ['-xzf', archive, '--no-same-owner'], { cwd: into });
      await rm(archive);
    }),
  );
  return path.join(dir, 'package');
}
