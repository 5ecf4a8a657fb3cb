import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** Makes a folder that only its owner can open. */
export const makePrivateDir = async (dir: string): Promise<void> => {
  await mkdir(dir, { recursive: true, mode: 0o700 });
};

/** Replaces a file in one step, so that no reader sees half of it. Only its owner can read it. */
export async function writePrivate(file: string, content: string): Promise<void> {
  await makePrivateDir(path.dirname(file));
  const scratch = `${file}.${process.pid}.tmp`;
  await writeFile(scratch, content, { mode: 0o600 });
  await rename(scratch, file);
}

/** Returns the text of a file; undefined when it does not exist. */
export const readIfThere = (file: string): Promise<string | undefined> =>
  readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
