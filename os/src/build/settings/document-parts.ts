import { existsSync } from 'node:fs';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';

import type { Progress } from '../../workstation/progress.ts';
import { checkDocumentPods } from '../manifests/document-pods.ts';
import { checkDocumentSettings } from './document-settings.ts';

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
  const warnings: string[] = [];
  const checks = [
    async () => {
      if (!existsSync(podsIn(folder))) return;
      warnings.push(...(await checkDocumentPods(progress, document, podsIn(folder))));
    },
    async () => {
      if (existsSync(settingsIn(folder)))
        await checkDocumentSettings(progress, document, settingsIn(folder));
    },
  ];
  const refusals: KiosError[] = [];
  for (const check of checks)
    await check().catch((error: unknown) => {
      if (!(error instanceof KiosError)) throw error;
      refusals.push(error);
    });
  const [first, second] = refusals;
  if (first === undefined) return warnings;
  if (second === undefined) throw first;
  throw new KiosError(first.code, `${first.message}\n${second.message.replace('use ', '')}`, {
    exitCode: EXIT.data,
    ...(first.remedy === undefined ? {} : { remedy: first.remedy }),
  });
}
