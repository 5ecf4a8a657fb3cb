import { readFileSync } from 'node:fs';
import path from 'node:path';

import { repository } from '../../../src/workstation/paths.ts';
import { run } from '../../../src/workstation/run.ts';

/** Paths of files below the repository's root, with their text on demand: the real tree, or a few lines of a test. */
export interface Files {
  readonly names: readonly string[];
  readonly read: (name: string) => string;
}

/** The files of this checkout that git tracks or would track. */
export async function repositoryFiles(): Promise<Files> {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '-z'];
  const listed = await run('git', args, { cwd: repository });
  const removed = await run('git', ['ls-files', '--deleted', '-z'], { cwd: repository });
  const gone = new Set(removed.split('\0'));
  const names = listed.split('\0').filter((name) => name !== '' && !gone.has(name));
  return {
    names: [...new Set(names)].toSorted(),
    read: (name) => readFileSync(path.join(repository, name), 'utf8'),
  };
}

/** Files of a test, by name. */
export const filesOf = (texts: Readonly<Record<string, string>>): Files => ({
  names: Object.keys(texts),
  read: (name) => texts[name] ?? '',
});
