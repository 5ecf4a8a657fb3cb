import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';

import { repository } from '../../workstation/paths.ts';
import type { Progress } from '../../workstation/progress.ts';
import { checkManifests, type Rules } from './check.ts';
import { readRules } from './read-rules.ts';
import { type ManifestFile, manifestsDir, readManifests } from './read.ts';

/** Fails when the manifests of a folder have faults, with one line for each. Returns warnings. */
export function assertManifests(
  folder: string,
  files: readonly ManifestFile[],
  rules: Rules,
): readonly string[] {
  const where = path.relative(repository, folder);
  const { faults, warnings } = checkManifests(files, rules);
  const lines = faults.map(({ file, path: at, cause }) => `${where}/${file}: ${at}: ${cause}`);
  if (lines.length === 0) return warnings;
  throw new KiosError(
    'KIOS_MANIFESTS',
    lines.length === 1
      ? `use ${lines[0]}`
      : `use ${where}: it has ${lines.length} faults\n${lines.join('\n')}`,
    {
      exitCode: EXIT.data,
      remedy: 'Correct the file; docs/files.md says what a static pod may do.',
    },
  );
}

/** Reads the manifests of a folder; fails when they have faults, and shows warnings. */
export async function readCheckedManifests(
  progress: Progress,
  folder = manifestsDir,
): Promise<ManifestFile[]> {
  const files = await readManifests(folder);
  for (const warning of assertManifests(folder, files, await readRules(progress)))
    progress.info(`warning: ${warning}`);
  return files;
}
