import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { repository } from '../../workstation/paths.ts';

const FILE = path.join(repository, 'init/internal/sysctl/settings.conf');

/** A kernel setting that init makes. */
export interface Setting {
  /** Path below /proc/sys. */
  readonly name: string;
  readonly value: string;
}

/** Parses rows of the form `name = value`, as the head of the file describes them. Throws on any other row. */
export function parseSettings(text: string): Setting[] {
  const rows = text.split('\n').map((line) => line.trim());
  return rows
    .filter((row) => row !== '' && !row.startsWith('#'))
    .map((row) => {
      const [, name, value] =
        /^([a-z0-9_][a-z0-9_-]*(?:\.[a-z0-9_][a-z0-9_-]*)*)\s*=\s*(.*)$/.exec(row) ?? [];
      if (name === undefined || value === undefined)
        throw new Error(`read the kernel setting ${row}: it is not "name = value"`);
      return { name: name.replaceAll('.', '/'), value };
    });
}

export const readSettings = async (): Promise<Setting[]> =>
  parseSettings(await readFile(FILE, 'utf8'));

/** Formats settings as sysctl(8) prints them. */
export const formatSettings = (settings: readonly Setting[]): string =>
  settings.map(({ name, value }) => `${name.replaceAll('/', '.')} = ${value}`).join('\n');
