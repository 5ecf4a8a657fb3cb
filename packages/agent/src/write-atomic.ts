import { type FileHandle, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';

/**
 * A name beside the file, which `removeStaleTemps` knows. All agents are process 1 of their container, so a process id would not tell two
 * writers apart.
 */
export const tempName = (file: string): string =>
  path.join(path.dirname(file), `.${path.basename(file)}.${crypto.randomUUID().slice(-12)}.tmp`);

/** Same bytes and same mode: nothing to do, and readers that watch the file are not woken. */
async function isCurrent(file: string, content: Uint8Array, mode: number): Promise<boolean> {
  try {
    const { mode: now, size } = await stat(file);
    if (size !== content.length || (now & 0o7777) !== mode) return false;
    return Buffer.compare(await readFile(file), content) === 0;
  } catch {
    return false;
  }
}

async function syncAndClose(handle: FileHandle): Promise<void> {
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function replace(file: string, content: Uint8Array, mode: number): Promise<void> {
  const temp = tempName(file);
  try {
    const handle = await open(temp, 'wx', 0o600);
    try {
      await handle.writeFile(content);
      await handle.chmod(mode);
    } catch (error) {
      await handle.close();
      throw error;
    }
    await syncAndClose(handle);
    await rename(temp, file);
  } catch (error) {
    await rm(temp, { force: true }).catch(() => undefined);
    throw error;
  }
  await syncAndClose(await open(path.dirname(file), 'r'));
}

/**
 * Replaces a file so that a reader, or a power cut, sees the old content or the new, never a part. Answers whether anything was
 * written: equal content and mode leave the file alone.
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

/** Removes what killed writers left in a directory. Call it once at start, as the directory's only writer. */
export async function removeStaleTemps(dir: string): Promise<void> {
  const names = await readdir(dir).catch(() => []);
  const stale = names.filter((name) => /^\..+\.[0-9a-f]{12}\.tmp$/.test(name));
  await Promise.all(stale.map((name) => rm(path.join(dir, name), { force: true })));
}
