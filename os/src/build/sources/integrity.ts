import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import { EXIT, KiosError } from '@kios/errors';

/** Fails unless a download has the hash that this repository, or a signed index, gives for it. */
export function checkHash(what: string, actual: string, expected: string | undefined): void {
  if (actual === expected) return;
  const known = expected ?? 'no hash is known for it';
  throw new KiosError('KIOS_INTEGRITY', `use ${what}: its hash is ${actual}, not ${known}`, {
    exitCode: EXIT.data,
    remedy:
      'Do not use this mirror or proxy: it gives other bytes than the author published. Was the version changed? Then correct the hash.',
  });
}

/** Returns the hash of a file in the form of package-lock.json. */
export const integrityOf = async (file: string): Promise<string> =>
  `sha512-${createHash('sha512')
    .update(await readFile(file))
    .digest('base64')}`;
