import type { Files } from './repository.ts';

const WIDTH = 120;
/** Directives of tools, addresses and generated text, which nobody can wrap. */
const UNWRAPPABLE = /oxlint-disable|https?:\/\/\S{60}|prettier-ignore|^\/\/(?:go:|nolint)/;

/** Line numbers of the Markdown prose in a text: neither a table, nor code, nor a definition of a link. */
function proseLines(text: string): (readonly [line: string, number: number])[] {
  let isCode = false;
  return text.split('\n').flatMap((line, index) => {
    if (/^\s*(?:```|~~~)/.test(line)) isCode = !isCode;
    const isProse = !isCode && !/^\s*\||^ {4}|^\[[^\]]+\]:/.test(line);
    return isProse ? [[line, index + 1] as const] : [];
  });
}

const COMMENT = {
  ts: /^\s*(?:\/\/|\/\*|\*)/,
  go: /^\s*\/\//,
  yaml: /^\s*#/,
} as const;

function linesOf(name: string, text: string): (readonly [line: string, number: number])[] {
  if (name.endsWith('.md')) return proseLines(text);
  const kind = /\.(ts|go|yaml)$/.exec(name)?.[1];
  if (kind !== 'ts' && kind !== 'go' && kind !== 'yaml') return [];
  const lines = text.split('\n').map((line, index) => [line, index + 1] as const);
  return lines.filter(([line]) => COMMENT[kind].test(line));
}

/** Lines of prose, in Markdown and in comments, that are longer than 120 columns. */
export function longLines({ names, read }: Files): string[] {
  const written = names.filter(
    (name) => /\.(?:md|ts|go|yaml)$/.test(name) && !/vectors|fixtures/.test(name),
  );
  return written.flatMap((name) =>
    linesOf(name, read(name)).flatMap(([line, number]) =>
      Array.from(line).length <= WIDTH || UNWRAPPABLE.test(line)
        ? []
        : [`${name}:${number}: ${Array.from(line).length} columns`],
    ),
  );
}
