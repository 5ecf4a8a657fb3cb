import { rm } from 'node:fs/promises';
import path from 'node:path';

import { writeAtomic } from '@kios/agent';

import { ATTESTED_PEM } from '../../core/cluster/auth.ts';
import type { Settings } from '../../core/settings/settings.ts';

const fileOf = ({ kubeletPki }: Settings): string =>
  path.join(kubeletPki, path.basename(ATTESTED_PEM));

/** Keeps a certificate and its key, in one file as kubelet does. */
export async function writeAttested(
  settings: Settings,
  certificate: string,
  key: string,
): Promise<void> {
  await writeAtomic(fileOf(settings), `${certificate}${key}`, 0o600);
}

/** Removes what kubelet needs no longer, once it has a certificate of its own. */
export const forgetAttested = async (settings: Settings): Promise<void> =>
  rm(fileOf(settings), { force: true });
