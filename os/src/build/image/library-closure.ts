import { readFile } from 'node:fs/promises';

import { neededLibraries } from '../formats/elf.ts';

/** Every shared library that `files` need, directly or through one another, as `locate` finds it by name. */
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
