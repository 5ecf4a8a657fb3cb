import { readFileSync, writeFileSync } from 'node:fs';

import { EXIT, KiosError } from '@kios/errors';

/** Where the kernel takes the order; a container sees it read-only unless its manifest mounts it on purpose. */
export const MODULES_DISABLED = '/proc/sys/kernel/modules_disabled';

/** Has the kernel load no module any more until the next boot. */
export function seal(file: string): void {
  try {
    if (readFileSync(file, 'latin1').trim() !== '1') writeFileSync(file, '1\n');
  } catch (cause) {
    throw new KiosError('KIOS_MODULE_SEAL', `write ${file}`, {
      cause,
      exitCode: EXIT.system,
      remedy:
        'Mount /proc/sys/kernel of the host into the pod, and name the file with --seal-file.',
    });
  }
}
