import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';

import { readIfThere } from '../../workstation/files.ts';
import { type Arch, repository } from '../../workstation/paths.ts';
import type { Progress } from '../../workstation/progress.ts';
import { digestOf, type Tree } from '../formats/tree.ts';

/** Smaller files have no profile: they are read in a few pieces, and each part of a file ends in a block of its own. */
export const LEAST_BYTES = 2 ** 20;

/** Bytes of a page, the unit in which memory is read. */
export const PAGE = 4096;

/** Pages in a row: the first, and how many. */
export interface Run {
  readonly first: number;
  readonly count: number;
}

/** What boots touch of a file of the root. */
export interface TouchedFile {
  /** Its path on the node, for people. */
  readonly path: string;
  /** SHA-256 of its content, hexadecimal. A file that has changed is not known. */
  readonly sha256: string;
  /** Touched until the first pod writes its first line, in ascending order. */
  readonly first: readonly Run[];
  /** Touched by then or later. */
  readonly all: readonly Run[];
}

/** What boots touch, in the order in which a boot comes to the files. */
export type Profile = readonly TouchedFile[];

/** Returns ascending page numbers as runs. Pages up to `gap` apart are in one run, with those between them. */
export function runsOf(pages: Iterable<number>, gap = 0): Run[] {
  const runs: { first: number; count: number }[] = [];
  for (const page of pages) {
    const last = runs.at(-1);
    if (last !== undefined && page - (last.first + last.count) <= gap)
      last.count = page - last.first + 1;
    else runs.push({ first: page, count: 1 });
  }
  return runs;
}

/** Yields the page numbers of runs. */
export function* pagesOf(runs: readonly Run[]): Generator<number> {
  for (const { first, count } of runs)
    for (let page = first; page < first + count; page += 1) yield page;
}

const HEADING = `# Pages (4 KiB) that a boot touches of the root's files: FIRST+COUNT. Made by \`./kios profile\`.\n`;

const written = (runs: readonly Run[]): string =>
  runs.map(({ first, count }) => ` ${first}+${count}`).join('');

/** Writes a profile as text. */
export const formatProfile = (profile: Profile): string =>
  HEADING +
  profile
    .map(
      (file) =>
        `file ${file.path} ${file.sha256}\nfirst${written(file.first)}\nall${written(file.all)}\n`,
    )
    .join('');

function readRuns(title: string, line: string): Run[] | undefined {
  const [found, ...words] = line.split(' ');
  const runs = words.map((word) => {
    const [, first, count] = /^(\d+)\+(\d+)$/.exec(word) ?? [];
    return { first: Number(first), count: Number(count) };
  });
  const areRuns = runs.every(({ first, count }) => Number.isInteger(first) && count > 0);
  return found === title && areRuns ? runs : undefined;
}

/** Reads the three lines of a file; undefined when they are none. */
function readFileLines([head = '', first = '', all = '']: readonly string[]):
  | TouchedFile
  | undefined {
  const [, where, sha256] = /^file (\S+) (\S+)$/.exec(head) ?? [];
  const [touchedFirst, touched] = [readRuns('first', first), readRuns('all', all)];
  if (where === undefined || sha256 === undefined) return undefined;
  if (touchedFirst === undefined || touched === undefined) return undefined;
  return { path: where, sha256, first: touchedFirst, all: touched };
}

/** Reads what `formatProfile` wrote. `name` is the file, for messages. */
export function parseProfile(text: string, name: string): Profile {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const files: TouchedFile[] = [];
  for (let at = 0; at < lines.length; at += 3) {
    const file = readFileLines(lines.slice(at, at + 3));
    if (file === undefined)
      throw new KiosError('KIOS_PROFILE', `read ${name}: ${(lines[at] ?? '').slice(0, 80)}`, {
        exitCode: EXIT.config,
        remedy: 'Make it again with `./kios profile`.',
      });
    files.push(file);
  }
  return files;
}

/** The file in the repository that has the profile of an architecture. */
export const profileFile = (arch: Arch): string => path.join(repository, 'os/profile', arch);

/** Reads the profile of an architecture. One that was never made is empty. */
export async function readProfile(arch: Arch): Promise<Profile> {
  const file = profileFile(arch);
  return parseProfile((await readIfThere(file)) ?? '', path.relative(repository, file));
}

/**
 * Returns the files of the profile that a tree has, found by their content, with their first path there. Says which of
 * them are not there any more: they have changed since, so that the boot is slower, and nothing else, until the profile
 * is made again.
 */
export async function profiled(
  tree: Tree,
  profile: Profile,
  progress: Progress,
): Promise<TouchedFile[]> {
  const paths = new Map<string, string>();
  for (const [where, entry] of tree.sorted()) {
    if (entry.type !== 'file') continue;
    const digest = await digestOf(entry.content);
    if (!paths.has(digest)) paths.set(digest, where);
  }
  const found = profile.flatMap((file) => {
    const where = paths.get(file.sha256);
    return where === undefined ? [] : [{ ...file, path: where }];
  });
  const stale = profile.filter(({ sha256 }) => !paths.has(sha256));
  if (stale.length > 0)
    progress.info(
      `The profile of the boot is old for ${stale.map((file) => file.path).join(', ')}: a node starts a little slower until \`./kios profile\` has run.`,
    );
  return found;
}

/** Path on the node of the list by which init reads the root ahead (init/internal/prefetch). */
export const PREFETCH_LIST = '/lib/kios/prefetch';

/** Pages between two runs that are read with them: one request for both costs less than the pages. */
const PREFETCH_GAP = 4;

/** Returns the text of `PREFETCH_LIST`. */
export function prefetchList(files: readonly TouchedFile[], readAheadKiB: number): string {
  const lines = files
    .filter(({ first }) => first.length > 0)
    .map((file) => `${file.path}${written(runsOf(pagesOf(file.first), PREFETCH_GAP))}\n`);
  return `read-ahead ${readAheadKiB}\n${lines.join('')}`;
}
