import { hasCode } from '../../core/faults/errors.ts';
import type { ApiServer } from './api-server.ts';
import { openKube } from './kube-auth.ts';
import { StatusError } from './status-error.ts';

/** Each costs a connection at each look, and a bundle of more is no CA's rotation. */
export const MOST_UNPROVEN = 8;

/** Returns whether these certificates verify the API server's own, whatever it answers. */
export async function isVerifiedBy(api: ApiServer, ca: readonly string[]): Promise<boolean> {
  const kube = await openKube(api, { ca });
  try {
    await kube.version();
  } catch (error) {
    if (hasCode(error, 'KIOS_BOOTSTRAP_UNTRUSTED')) return false;
    if (!(error instanceof StatusError)) throw error;
  }
  return true;
}

/** Returns those of the certificates that verify the API server each by itself. */
export async function provenBy(
  api: ApiServer,
  certificates: readonly string[],
): Promise<readonly string[]> {
  const proven: string[] = [];
  for (const certificate of certificates)
    if (await isVerifiedBy(api, [certificate])) proven.push(certificate);
  return proven;
}
