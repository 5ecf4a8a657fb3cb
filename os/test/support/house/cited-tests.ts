const QUOTED = String.raw`(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|\x60((?:[^\x60\\]|\\.)*)\x60)`;
/** What a test's title follows: a call of `it`, a table of cases, or an assertion's `name`. A skipped test has none. */
const TITLE = new RegExp(
  String.raw`(?:(?<![.\w])(?:it|test)(?:\.(?:each|sequential|concurrent|skipIf|runIf|for)(?:\([^()]*\))?)*\(|\)\(|\bname:)\s*${QUOTED}`,
  'g',
);
const GO_TEST = /^func (Test\w+)\(/gm;

/** A test, with the text of its call from the title on. */
export interface CitedTest {
  readonly title: string;
  readonly body: string;
}

const indentOf = (line: string): number => line.length - line.trimStart().length;

/** Returns the text from a place to the end of what it stands in, as oxfmt and gofmt indent it. */
function blockAt(text: string, at: number): string {
  const [first = '', ...lines] = text.slice(text.lastIndexOf('\n', at) + 1).split('\n');
  if (first.endsWith(');')) return first;
  const depth = indentOf(first);
  const isEnd = (line: string): boolean => indentOf(line) <= depth && /^\s*[)}\]]/.test(line);
  const end = lines.findIndex(isEnd);
  return [first, ...(end < 0 ? lines : lines.slice(0, end))].join('\n');
}

/** Returns the tests of a file that are not skipped. */
export function testsIn(file: string, text: string): CitedTest[] {
  const found = file.endsWith('.go') ? text.matchAll(GO_TEST) : text.matchAll(TITLE);
  return [...found].map((match) => {
    const [whole, single, double, template] = match;
    return {
      title: (single ?? double ?? template ?? '').replaceAll(/\\(.)/g, '$1'),
      body: blockAt(text, match.index + whole.length - 1),
    };
  });
}

const CHECKS = /\bexpect|\bassert|\bdemand\(|\bthrow\b|\bt\.(?:Error|Fatal|Fail)/i;
const FUNCTION =
  /^\s*(?:export )?(?:async )?(?:const (\w+)\b.*=|function\*? (\w+)\(|func (\w+)\()/gm;

/** Returns the functions of a file that check something. */
function checkers(text: string): string[] {
  return [...text.matchAll(FUNCTION)].flatMap((match) => {
    const name = match[1] ?? match[2] ?? match[3] ?? '';
    const at = match.index + match[0].length - 1;
    return CHECKS.test(blockAt(text, at)) ? [name] : [];
  });
}

/** Returns whether a test can fail by what it looks at: itself, or by a function of its file. */
export const checksSomething = (text: string, { body }: CitedTest): boolean =>
  CHECKS.test(body) ||
  checkers(text).some((name) => new RegExp(String.raw`\b${name}\(`).test(body));
