import { rm } from 'node:fs/promises';
import path from 'node:path';

import { readIfThere, writeAtomic } from '@kios/agent';

import { parseCertificates } from '../../core/cluster/pem.ts';
import type { Settings } from '../../core/settings/settings.ts';

const fileOf = ({ stateDir }: Settings): string => path.join(stateDir, 'announced-ca.crt');

/** Reads the certificates that the cluster announced and had not used when it was last asked. */
export async function readAnnounced(settings: Settings): Promise<readonly string[]> {
  const pem = await readIfThere(fileOf(settings));
  if (pem === undefined) return [];
  try {
    return parseCertificates(pem);
  } catch {
    return [];
  }
}

/** Keeps them over boots: when the cluster begins to use one, its announcement can no longer be read. */
export async function writeAnnounced(
  settings: Settings,
  certificates: readonly string[],
): Promise<void> {
  const file = fileOf(settings);
  const content = certificates.join('');
  if (content === '') await rm(file, { force: true });
  else if ((await readIfThere(file)) !== content) await writeAtomic(file, content, 0o600);
}
