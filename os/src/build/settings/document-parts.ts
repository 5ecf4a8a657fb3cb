import { existsSync } from 'node:fs';
import path from 'node:path';

import type { Progress } from '../../workstation/progress.ts';
import { refuseManifests } from '../manifests/check-folder.ts';
import { checkDocumentPods } from '../manifests/document-pods.ts';
import { refusal } from '../manifests/fault.ts';
import { checkDocumentSettings } from './document-settings.ts';

const REMEDY = 'Correct it; docs/settings.md leads to the page of each setting.';

const podsIn = (folder: string): string => path.join(folder, 'pods.json');
const settingsIn = (folder: string): string => path.join(folder, 'settings.json');

/** Returns the flags by which the bootstrap agent writes the parts of a document that others judge into a folder. */
export const partFlags = (folder: string): readonly string[] => [
  `--pods=${podsIn(folder)}`,
  `--settings=${settingsIn(folder)}`,
];

/**
 * Checks the parts of a document in a folder: its static pods and its settings. Fails with the faults of both. Returns
 * warnings. The agent writes no parts of a text that is for another program.
 */
export async function checkDocumentParts(
  progress: Progress,
  document: string,
  folder: string,
): Promise<readonly string[]> {
  const pods = existsSync(podsIn(folder))
    ? await checkDocumentPods(progress, document, podsIn(folder))
    : { faults: [], warnings: [] };
  const settings = existsSync(settingsIn(folder))
    ? await checkDocumentSettings(progress, document, settingsIn(folder))
    : [];
  const faults = [...pods.faults, ...settings];
  if (pods.faults.length > 0) throw refuseManifests(document, faults);
  if (faults.length > 0) throw refusal('KIOS_BOOTSTRAP_CHECK', document, faults, REMEDY);
  return pods.warnings;
}
