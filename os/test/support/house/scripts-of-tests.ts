import * as v from 'valibot';

import type { Files } from './repository.ts';

const Package = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ scripts: v.optional(v.record(v.string(), v.string()), {}) }),
);

/** The folders that one script has Vitest look in; the empty text is the whole workspace. */
function foldersOf(script: string): readonly string[] {
  const [, args] = /\bvitest run\b([^&|;]*)/.exec(script) ?? [];
  if (args === undefined) return [];
  const named = [...args.matchAll(/(?:^|\s)(?:--dir[ =])?(test\S*)/g)].map(([, name = '']) => name);
  return named.length === 0 ? [''] : named;
}

const isBelow = (file: string, folder: string): boolean =>
  folder === '' || file === folder || file.startsWith(`${folder}/`);

/** Returns whether a script of the file's workspace runs it. Acceptance and Go's tests have one program for all. */
export function isRun(file: string, files: Files): boolean {
  if (!file.endsWith('.test.ts')) return true;
  const [workspace] = /^(?:os|(?:agents|packages)\/[^/]+)(?=\/)/.exec(file) ?? [];
  if (workspace === undefined) return false;
  const { scripts } = v.parse(Package, files.read(`${workspace}/package.json`));
  const inside = file.slice(workspace.length + 1);
  return Object.values(scripts).some((script) =>
    foldersOf(script).some((folder) => isBelow(inside, folder)),
  );
}
