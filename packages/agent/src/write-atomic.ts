import { readdirSync } from 'node:fs';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';

import { syncPath } from './sync-path.ts';

/**
 * Returns a temporary name beside the file that `removeStaleTemps` recognises. It is random, because two writers can
 * have the same process id: every agent is process 1 of its container.
 */
export const tempName = (file: string): string =>
  path.join(path.dirname(file), `.${path.basename(file)}.${crypto.randomUUID().slice(-12)}.tmp`);

/** Returns whether content and mode are already right, so that readers watching the file need not wake. */
async function isCurrent(file: string, content: Uint8Array, mode: number): Promise<boolean> {
  try {
    const { mode: now, size } = await stat(file);
    if (size !== content.length || (now & 0o7777) !== mode) return false;
    return Buffer.compare(await readFile(file), content) === 0;
  } catch {
    return false;
  }
}

async function replace(file: string, content: Uint8Array, mode: number): Promise<void> {
  const temp = tempName(file);
  try {
    const handle = await open(temp, 'wx', 0o600);
    try {
      await handle.writeFile(content);
      await handle.chmod(mode);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temp, file);
  } catch (error) {
    await rm(temp, { force: true }).catch(() => undefined);
    throw error;
  }
  await syncPath(path.dirname(file));
}

/**
 * Replaces a file so that readers see the old content or the new one, even after a power cut. Returns whether it wrote:
 * a file with equal content and mode is left alone.
 */
export async function writeAtomic(
  file: string,
  content: string | Uint8Array,
  mode = 0o644,
): Promise<boolean> {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  if (await isCurrent(file, bytes, mode)) return false;
  try {
    await replace(file, bytes, mode);
  } catch (cause) {
    throw new KiosError('KIOS_WRITE', `write ${file}`, { cause, exitCode: EXIT.system });
  }
  return true;
}

/** Lists a folder without a trip to the runtime's threads, for which an agent's start would wait. */
function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

/** Removes the temporary files of killed writers. Only for the folder's one writer, at its start. */
export async function removeStaleTemps(dir: string): Promise<void> {
  const stale = namesIn(dir).filter((name) => /^\..+\.[0-9a-f]{12}\.tmp$/.test(name));
  await Promise.all(stale.map((name) => rm(path.join(dir, name), { force: true })));
}
