import { readFile } from 'node:fs/promises';

import * as v from 'valibot';

import type { Progress } from '../../workstation/progress.ts';
import { checkManifests, faultLines } from './check.ts';
import { askKubelet } from './kubelet/judge.ts';
import { readPolicy } from './read-policy.ts';

/** The static pods of a bootstrap document, as the bootstrap agent's `check-userdata --pods` writes them. */
const Pods = v.pipe(
  v.string(),
  v.parseJson(),
  v.array(v.object({ at: v.string(), name: v.string(), text: v.string() })),
);

/**
 * Returns a line for each fault for which kubelet would refuse a static pod of a document or not run it, and warnings:
 * what a pod can do beyond an ordinary one, and which of its fields have no or another effect here, is the document's
 * own business.
 */
export async function checkDocumentPods(
  progress: Progress,
  document: string,
  podsFile: string,
): Promise<Readonly<Record<'faults' | 'warnings', readonly string[]>>> {
  const pods = v.parse(Pods, await readFile(podsFile, 'utf8'));
  const files = pods.map(({ at, name, text }) => ({ name: `${document}: ${at}: ${name}`, text }));
  const verdicts = await askKubelet(files, progress);
  const policy = { ...(await readPolicy()), isOpen: true };
  const found = checkManifests(files, { policy, verdicts });
  return { faults: faultLines(found, (file) => file), warnings: found.warnings };
}
