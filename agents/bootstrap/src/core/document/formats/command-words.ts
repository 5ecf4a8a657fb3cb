const WORD = /(?:[^\s"'\\]+|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+/gs;
const QUOTED = /\\(.)|"((?:[^"\\]|\\.)*)"|'([^']*)'/gs;

const unescaped = (text: string): string => text.replaceAll(/\\(.)/gs, '$1');

/** Splits a line into words as systemd and a shell do; undefined when a quote is not closed. */
export function splitWords(line: string): readonly string[] | undefined {
  if (line.replaceAll(WORD, '').trim() !== '') return undefined;
  return (line.match(WORD) ?? []).map((word) =>
    word.replaceAll(
      QUOTED,
      (_all, escaped?: string, double?: string, single?: string) =>
        escaped ?? single ?? unescaped(double ?? ''),
    ),
  );
}

/** A flag of a command line. */
export interface Argument {
  readonly name: string;
  /** '' for a switch. */
  readonly value: string;
}

export interface Arguments {
  readonly flags: readonly Argument[];
  /** Words that belong to no flag. */
  readonly strays: readonly string[];
}

/** Returns whether a word is a value of its own: no flag, or a negative number. */
const isValue = (word: string | undefined): word is string =>
  word !== undefined && (!word.startsWith('-') || /^-\d/.test(word));

/** Reads words as kubelet does: `--flag=value`, `--flag value`, `--switch`, and `-v`, its only short one. */
export function parseArguments(words: readonly string[]): Arguments {
  const flags: Argument[] = [];
  const strays: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    const [, name = 'v', value] = /^(?:--([^=]+)|-v)(?:=(.*))?$/s.exec(word) ?? [];
    if (!/^(?:--[^=]|-v(?:=|$))/.test(word)) strays.push(word);
    else if (value !== undefined) flags.push({ name, value });
    else flags.push({ name, value: isValue(words[at + 1]) ? (words[++at] ?? '') : '' });
  }
  return { flags, strays };
}
