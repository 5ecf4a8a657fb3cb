import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { repository } from '../../workstation/paths.ts';

const SOURCE = path.join(repository, 'init/internal/sysctl/sysctl.go');

/** A kernel setting that init makes: its path below /proc/sys, and its value. */
export interface Setting {
  readonly name: string;
  readonly value: string;
}

/** Reads the rows of init's tables. */
export const parseSettings = (source: string): Setting[] =>
  [...source.matchAll(/^\t\{"([^"]+)", "([^"]*)"\}/gm)].map(([, name = '', value = '']) => ({
    name,
    value,
  }));

export const readSettings = async (): Promise<Setting[]> =>
  parseSettings(await readFile(SOURCE, 'utf8'));

/** As sysctl(8) prints them. */
export const formatSettings = (settings: readonly Setting[]): string =>
  settings.map(({ name, value }) => `${name.replaceAll('/', '.')} = ${value}`).join('\n');
