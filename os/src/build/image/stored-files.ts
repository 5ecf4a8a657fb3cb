import { createReadStream } from 'node:fs';
import { lstat, readdir, readlink, stat } from 'node:fs/promises';
import path from 'node:path';

import { fileSha256 } from '../../workstation/digest.ts';
import type { Origin, StoredFile, Tree } from '../formats/tree.ts';

/** Returns a file of the workstation as content of a tree. */
export const storedFile = (file: string): StoredFile => ({
  file,
  size: async () => (await stat(file)).size,
  sha256: () => fileSha256(file),
  chunks: () => createReadStream(file),
});

/** Adds a folder of the workstation to a tree below `prefix`. Of a file's mode only the owner's execute bit is kept. */
export async function addFolder(
  tree: Tree,
  prefix: string,
  folder: string,
  origin: Origin,
): Promise<void> {
  for (const name of (await readdir(folder)).toSorted()) {
    const from = path.join(folder, name);
    const to = path.posix.join(prefix, name);
    const status = await lstat(from);
    if (status.isSymbolicLink()) tree.symlink(to, await readlink(from));
    else if (status.isDirectory()) {
      tree.directory(to);
      await addFolder(tree, to, from, origin);
    } else tree.file(to, (status.mode & 0o100) === 0 ? 0o644 : 0o755, storedFile(from), origin);
  }
}
