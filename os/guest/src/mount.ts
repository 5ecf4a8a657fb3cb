import { mkdtempSync, rmdirSync } from 'node:fs';

import { call } from './call.ts';

/** Mounts a file system of this type on a new folder while `use` runs. */
export function mounted<T>(type: string, use: (folder: string) => T, options = ''): T {
  const folder = mkdtempSync('/tmp/kios-mount-');
  try {
    call('mount', 'none', folder, type, 0, options);
    try {
      return use(folder);
    } finally {
      call('umount2', folder, 0);
    }
  } finally {
    rmdirSync(folder);
  }
}
