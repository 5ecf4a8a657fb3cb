import { readdir } from 'node:fs/promises';
import path from 'node:path';

interface Paths {
  readonly files: string[];
  readonly folders: string[];
}

const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

async function walk(folder: string, below: string, into: Paths): Promise<void> {
  for (const entry of await readdir(path.join(folder, below), { withFileTypes: true })) {
    const name = path.join(below, entry.name);
    if (entry.isFile()) into.files.push(name);
    if (!entry.isDirectory()) continue;
    into.folders.push(name);
    await walk(folder, name, into);
  }
}

/**
 * Returns the paths of files and folders below a folder, relative to it, in byte order. A link is neither, wherever it
 * leads: a recursive `readdir` of Node would follow those to folders.
 */
export async function pathsBelow(folder: string): Promise<Paths> {
  const found: Paths = { files: [], folders: [] };
  await walk(folder, '', found);
  return { files: found.files.toSorted(byBytes), folders: found.folders.toSorted(byBytes) };
}
