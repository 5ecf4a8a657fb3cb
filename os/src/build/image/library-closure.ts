import { readFile } from 'node:fs/promises';

import { neededLibraries } from '../formats/elf.ts';

/**
 * Returns every shared library that `files` need, directly or through other libraries. `locate` returns a library's
 * path.
 */
export async function libraryClosure(
  files: readonly string[],
  locate: (name: string) => string,
): Promise<string[]> {
  const found = new Set<string>();
  const queue = [...files];
  for (let file = queue.pop(); file !== undefined; file = queue.pop())
    for (const name of neededLibraries(await readFile(file)))
      if (!found.has(name)) {
        found.add(name);
        queue.push(locate(name));
      }
  return [...found].toSorted();
}
