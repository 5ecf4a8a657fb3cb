import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { LifecycleError } from '../../core/faults/errors.ts';

/** The identity of this pod. */
export interface Account {
  readonly token: string;
  /** PEM certificates to trust. */
  readonly ca: readonly string[];
}

/** Reads the account anew: kubelet replaces the token before it expires. */
export async function readAccount(folder: string): Promise<Account> {
  const read = async (name: string): Promise<string> => {
    const file = path.join(folder, name);
    try {
      return await readFile(file, 'utf8');
    } catch (cause) {
      throw new LifecycleError('KIOS_LIFECYCLE_SETUP', `read ${file}`, { cause });
    }
  };
  return { token: (await read('token')).trim(), ca: [await read('ca.crt')] };
}
