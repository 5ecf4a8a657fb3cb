import path from 'node:path';

import { checksSomething, testsIn } from './cited-tests.ts';
import type { Files } from './repository.ts';
import { isRun } from './scripts-of-tests.ts';

/** A page of docs/coverage, and the requirements that it must have a row for. */
export interface CoveragePage {
  readonly name: string;
  readonly requirements: readonly string[];
}

/** Returns the names of requirements that are numbered from 1: `numbered('R', 2)` is R1 and R2. */
export const numbered = (letter: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${letter}${index + 1}`);

/** A row is `| name | what it asks | tests |`; a bar inside a cell is `\|`. */
const ROW = /^\| (?<name>[^|]+?) \| (?:\\.|[^|\\])+ \| (?<tests>(?:\\.|[^|\\])+) \|$/;
/** Rows begin below the line of dashes. */
const RULE = /^\| -/;
/** A test is named as `[any text](relative path of its file): title`, and the next one follows after `<br>`. */
const CITATION = /^\[[^\]]+\]\((?<file>[^)]+)\): (?<title>.+)$/;
const TEST_FILE = /\.test\.ts$|_test\.go$|^os\/src\/checks\/acceptance\/.+\.ts$/;

interface Row {
  readonly name: string;
  readonly tests: string;
}

function rowsOf(text: string): Row[] {
  const rows: Row[] = [];
  let isTable = false;
  for (const line of text.split('\n')) {
    const { name, tests } = ROW.exec(line)?.groups ?? {};
    if (isTable && name !== undefined && tests !== undefined)
      rows.push({ name: name.trim(), tests });
    isTable = line.startsWith('|') && (isTable || RULE.test(line));
  }
  return rows;
}

function testFault(file: string, title: string, files: Files): string | undefined {
  const text = files.read(file);
  const found = testsIn(file, text).filter((test) => test.title === title);
  if (found.length === 0) return `${file} has no test "${title}"`;
  const isEmpty = found.some((test) => !checksSomething(text, test));
  return isEmpty ? `${file}: "${title}" checks nothing` : undefined;
}

function citationFault(citation: string, page: string, files: Files): string | undefined {
  const { file: link, title } = CITATION.exec(citation)?.groups ?? {};
  if (link === undefined || title === undefined) return `names no test by "${citation}"`;
  const file = path.posix.join(path.posix.dirname(page), link);
  if (!files.names.includes(file)) return `${file} is no file`;
  if (!TEST_FILE.test(file)) return `${file} has no tests`;
  if (!isRun(file, files)) return `${file} is run by no script`;
  return testFault(file, title.replaceAll(/\\(.)/g, '$1'), files);
}

/** Requirements that have no row or several on their page, and tests in rows that do not exist or check nothing. */
export function coverageFaults(files: Files, { name: page, requirements }: CoveragePage): string[] {
  const rows = files.names.includes(page) ? rowsOf(files.read(page)) : [];
  const counts = requirements.flatMap((requirement) => {
    const count = rows.filter(({ name }) => name === requirement).length;
    return count === 1 ? [] : [`${page}: ${requirement} has ${count} rows`];
  });
  const citations = rows.flatMap(({ name, tests }) =>
    tests.split('<br>').flatMap((citation) => {
      const fault = citationFault(citation.trim(), page, files);
      return fault === undefined ? [] : [`${page}: ${name}: ${fault}`];
    }),
  );
  return [...counts, ...citations];
}
