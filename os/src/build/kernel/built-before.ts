import { readdir } from 'node:fs/promises';
import path from 'node:path';

import { cacheDir } from '../../workstation/paths.ts';

/** Says whether this workstation has built a kernel of kiOS, of any version. `cache` is the folder of all caches. */
export async function builtBefore(cache = cacheDir): Promise<boolean> {
  const entries = await readdir(path.join(cache, 'kernel')).catch(() => []);
  return entries.some((name) => !name.endsWith('.tmp'));
}
