import { open } from 'node:fs/promises';

/**
 * Puts a file's content, or a folder's names, on the medium (fsync(2)), so that a power cut loses neither.
 *
 * @throws {NodeJS.ErrnoException} when the path cannot be opened or synced.
 */
export async function syncPath(file: string): Promise<void> {
  const handle = await open(file, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
