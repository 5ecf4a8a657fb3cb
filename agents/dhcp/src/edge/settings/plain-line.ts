import {
  type Flag,
  flagsOf,
  readFlags,
  type Table,
  type Values,
} from '../../core/settings/table.ts';

const WORD = /^--(?<no>no-)?(?<name>[a-z0-9-]+)(?:=(?<text>.+))?$/s;

/**
 * Reads a command line without yargs or `node:util`, which take longer to load than everything else before the first
 * packet. Returns undefined for a line that is wrong or needs more than values of flags: yargs explains faults and
 * prints help.
 */
export function readPlainLine<const T extends Table>(
  table: T,
  line: readonly string[],
): Values<T> | undefined {
  try {
    return readFlags(table, readWords(flagsOf(table), line));
  } catch {
    return undefined;
  }
}

class NotPlain extends Error {}

function readWords(
  flags: Readonly<Record<string, Flag>>,
  line: readonly string[],
): Record<string, unknown> {
  const given: Record<string, unknown> = {};
  const lists: Record<string, unknown[]> = {};
  const words = line.values();
  for (const word of words) {
    const { no, name = '', text } = WORD.exec(word)?.groups ?? {};
    const flag = Object.hasOwn(flags, name) ? flags[name] : undefined;
    if (flag === undefined || name in given) throw new NotPlain(word);
    const value = readValue(flag, no === undefined, text, () => words.next().value);
    if (flag.array) (lists[name] ??= []).push(value);
    else given[name] = value;
  }
  return { ...given, ...lists };
}

/** `next` takes the line's next word, which is the value where a flag and its value stand apart. */
function readValue(
  { type }: Flag,
  isOn: boolean,
  text: string | undefined,
  next: () => string | undefined,
): unknown {
  if (type === 'boolean') {
    if (text !== undefined) throw new NotPlain(text);
    return isOn;
  }
  const value = text ?? next();
  const isMissing = value === undefined || value === '' || (text === undefined && value[0] === '-');
  if (!isOn || isMissing) throw new NotPlain(value);
  return type === 'number' ? Number(value) : value;
}
