import { readFile } from 'node:fs/promises';

import { errorCode } from '@kios/errors';

/** Reads a file as UTF-8 text; undefined when the file or a folder of its path does not exist. */
export async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}
