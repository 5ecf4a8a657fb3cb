import { EXIT, KiosError } from '@kios/errors';

import { checkManifests } from './check.ts';
import { readManifests, readRules } from './rules.ts';

/** Checks manifests/; answers one line for people, or fails with a line for each fault. */
export async function checkManifestFolder(): Promise<string[]> {
  const files = await readManifests();
  const faults = checkManifests(files, await readRules());
  if (faults.length === 0) return [`${files.length} manifests, no fault`];
  const lines = faults.map(({ file, path, cause }) => `manifests/${file}: ${path}: ${cause}`);
  throw new KiosError(
    'KIOS_MANIFESTS',
    lines.length === 1
      ? (lines[0] ?? '')
      : `find ${lines.length} faults in manifests\n${lines.join('\n')}`,
    {
      exitCode: EXIT.data,
      remedy: 'correct the file; docs/files.md says what a static pod may do',
    },
  );
}
