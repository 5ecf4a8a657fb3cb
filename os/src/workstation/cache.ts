import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';

import { sha256 } from './digest.ts';
import { cacheDir } from './paths.ts';

/** Returns a hash of the inputs of a build step, which are any JSON values. */
export function cacheKey(...inputs: readonly unknown[]): string {
  return sha256(JSON.stringify(inputs)).slice(0, 32);
}

const exists = async (file: string): Promise<boolean> =>
  stat(file).then(
    () => true,
    () => false,
  );

/** Longer than any build step runs. */
const ABANDONED_MS = 24 * 3600 * 1000;

/** Removes unfinished entries that killed builds left in this cache folder. */
async function sweep(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const scratch = path.join(folder, name);
    if (!name.endsWith('.tmp')) continue;
    const made = await stat(scratch).catch(() => undefined);
    if (made !== undefined && Date.now() - made.mtimeMs > ABANDONED_MS)
      await rm(scratch, { recursive: true, force: true });
  }
}

/**
 * Returns the folder `<cache>/<kind>/<key>`. If it is missing, `fill` first writes a temporary sibling, which is then
 * renamed into place: a killed build leaves no half entry, and two builds may race.
 */
export async function cached(
  kind: string,
  key: string,
  fill: (dir: string) => Promise<void>,
): Promise<string> {
  const entry = path.join(cacheDir, kind, key);
  if (await exists(entry)) return entry;
  const scratch = `${entry}.${process.pid}.${randomUUID().slice(0, 8)}.tmp`;
  await mkdir(scratch, { recursive: true });
  await sweep(path.dirname(entry));
  try {
    await fill(scratch);
    await rename(scratch, entry).catch(async (error: unknown) => {
      if (!(await exists(entry))) throw error;
    });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return entry;
}
