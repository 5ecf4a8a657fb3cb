import path from 'node:path';

import type { KiosError } from '@kios/errors';

import { repository } from '../../workstation/paths.ts';
import type { Progress } from '../../workstation/progress.ts';
import { checkManifests, faultLines, type Findings } from './check.ts';
import { refusal } from './fault.ts';
import { askKubelet } from './kubelet/judge.ts';
import { readPolicy } from './read-policy.ts';
import { type ManifestFile, manifestsDir, readFiles, readManifests } from './read.ts';

export const refuseManifests = (what: string, lines: readonly string[]): KiosError =>
  refusal(
    'KIOS_MANIFESTS',
    what,
    lines,
    'Correct what is named; docs/manifests.md says what a static pod may do.',
  );

/** Fails when there are faults, with one line for each. Returns warnings. */
export function refuseFaults(
  what: string,
  findings: Findings,
  where: (file: string) => string,
): readonly string[] {
  const lines = faultLines(findings, where);
  if (lines.length > 0) throw refuseManifests(what, lines);
  return findings.warnings;
}

export const warn = (progress: Progress, warnings: readonly string[]): void => {
  for (const warning of warnings) progress.info(`warning: ${warning}`);
};

/** Reads the manifests of a folder; fails when they have faults, and shows warnings. */
export async function readCheckedManifests(
  progress: Progress,
  folder = manifestsDir,
): Promise<ManifestFile[]> {
  const files = await readManifests(folder);
  const where = path.relative(repository, folder);
  const verdicts = await askKubelet(files, progress);
  const found = checkManifests(files, { policy: await readPolicy(), verdicts, isFolder: true });
  warn(
    progress,
    refuseFaults(where, found, (file) => path.join(where, file)),
  );
  return files;
}

/** Checks files wherever they are; fails when they have faults, and shows warnings. */
export async function checkFiles(
  progress: Progress,
  names: readonly string[],
): Promise<ManifestFile[]> {
  const files = await readFiles(names);
  const verdicts = await askKubelet(files, progress);
  const found = checkManifests(files, { policy: await readPolicy(), verdicts });
  warn(
    progress,
    refuseFaults('these manifests', found, (file) => file),
  );
  return files;
}
