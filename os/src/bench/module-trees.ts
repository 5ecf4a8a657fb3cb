import { readFile } from 'node:fs/promises';
import path from 'node:path';

import type { ModuleTree } from '../build/kernel/module-trees.ts';

/**
 * Returns an alias as a device has it, of a pattern that matches it: the first character of each set, and 0 for each
 * wildcard.
 */
export const concrete = (pattern: string): string =>
  pattern.replaceAll(/\[(.)[^\]]*\]/g, '$1').replaceAll(/[*?]/g, '0');

/** Returns the names of all modules, by the text of modules.dep, and an alias for each line of modules.alias. */
export function namesOf(dep: string, alias: string): string[] {
  const modules = dep.matchAll(/^[^:\n]*?([^/:\n]+)\.ko(?:\.\w+)?:/gm);
  const aliases = alias.matchAll(/^alias (\S+) /gm);
  return [
    ...[...modules].map(([, name = '']) => name),
    ...[...aliases].map(([, pattern = '']) => concrete(pattern)),
  ];
}

/** Reads the names and aliases of a tree. */
export async function namesIn({ kernel, root }: ModuleTree): Promise<string[]> {
  const folder = path.join(root, 'lib/modules', kernel);
  const read = (name: string): Promise<string> => readFile(path.join(folder, name), 'utf8');
  return namesOf(await read('modules.dep'), await read('modules.alias'));
}
