import { stripVTControlCharacters } from 'node:util';

/** Lines before a panic that contain the whole oops: registers, calls and modules, and the registers again. */
export const LINES_BEFORE_PANIC = 200;

const STAMP = /\[ *\d+\.\d{6}\] /;
/** The first words of an oops, on any architecture. The number in brackets counts the oopses of a boot. */
const FAULT = /\bBUG: |kernel BUG at |\[#\d+\]|^Unable to handle kernel |^Internal error: /i;
/** CPU and task, and the instruction: `RIP` and `Code` on x86_64, `pc` and its caller on arm64. */
const PLACE = /^(?:CPU: \d|RIP: 0010:|Code: |pc : |lr : )/;
const TRACE = /^Call Trace:/i;
/** A call for which the unwinder vouches. Others begin with a question mark, and brackets name stacks. */
const CALL = /^ (?![?<])/;
const END = /^---\[ end trace /;

const MOST_FACTS = 6;
const MOST_CALLS = 8;
const MOST_LINES_WITHOUT_OOPS = 5;
const MOST_CHARACTERS = 200;

const readable = (line: string): string => stripVTControlCharacters(line).trimEnd();

const facts = (lines: readonly string[]): string[] =>
  lines.filter((text) => FAULT.test(text) || PLACE.test(text)).slice(0, MOST_FACTS);

/** Returns the part of an oops that a report needs to find the fault. */
function essence(oops: readonly string[]): string[] {
  const trace = oops.findIndex((text) => TRACE.test(text));
  if (trace < 0) return facts(oops);
  const [title = '', ...calls] = oops.slice(trace);
  const reliable = calls.filter((text) => CALL.test(text));
  return [...facts(oops.slice(0, trace)), title, ...reliable.slice(0, MOST_CALLS)];
}

function pick(shown: readonly string[]): string[] {
  const said = shown.map((line) => line.split(STAMP).at(-1) ?? '');
  const start = said.findIndex((text) => FAULT.test(text));
  if (start < 0) return shown.slice(-MOST_LINES_WITHOUT_OOPS);
  const end = said.findIndex((text, at) => at > start && END.test(text));
  return essence(said.slice(start, end < 0 ? undefined : end));
}

/**
 * Returns a few lines that tell why the kernel panicked, from the console's lines before the panic: the first oops, as
 * later ones follow from it, or the last lines when there was none.
 */
export function panicCause(lines: readonly string[]): string[] {
  return pick(lines.map(readable)).map((line) => line.slice(0, MOST_CHARACTERS));
}
