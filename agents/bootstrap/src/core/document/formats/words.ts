/** Signs that editors, mail programs and web pages put in place of `-` and of quotes. */
const DASH = /[\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u00AD\uFE58\uFE63\uFF0D]/;
const QUOTE = /[\u201C\u201D\u201E\u201F\u2018\u2019\u201A\u201B\u00AB\u00BB]/;
/** Signs without any width, which come with a text from a web page. */
const INVISIBLE = /[\u200B-\u200D\u2060\uFEFF]/g;

const PIECE =
  /(?<blank>\s+)|'(?<single>[^']*)'|"(?<double>(?:[^"\\]|\\.)*)"|\\(?<escaped>.)|(?<operator>\d*[<>][<>&|]*\d*|[|&;()`]+)|(?<plain>[^\s'"\\|&;<>()`]+)/gsy;

/** A secret is letters and digits alone, and longer than most words that somebody writes into a command. */
const SECRET = /[A-Za-z0-9]{16}/;

/** What stands beside them in an address may be a password or a token, of any length. */
const SECRET_SIGN = /[@?]/;

/** In the place of a port there may be a password, whose end is torn off. */
const HOST_AND_WORD = /^((?:https?:\/\/)?[^:[\]]*):(?!\/\/|\d{1,5}\/?$)[^:]+$/;

/** Returns a word of the command for a message; one that may be a secret only by its length. */
export function shown(word: string): string {
  const [sign] = SECRET_SIGN.exec(word) ?? [];
  const hidden = `a word of ${word.length} characters`;
  if (sign !== undefined) return `${hidden} with ${sign}`;
  const [, host] = HOST_AND_WORD.exec(word) ?? [];
  if (host !== undefined) return `${host}:…`;
  return SECRET.test(word) || word.length > 80 ? hidden : word;
}

/** How a command within a line is shown. */
const SUBSTITUTION: Readonly<Record<string, string>> = { $: '$(…)', '`': '`…`' };

/** `before` is the word at whose end the operator stands. */
function operatorFault(operator: string, rest: string, before: string): string {
  const command = SUBSTITUTION[before.at(-1) ?? ''] ?? SUBSTITUTION[operator.charAt(0)];
  if (command !== undefined)
    return `${command}: it is a command of a shell, and a node has none; put what it prints in its place`;
  const [placeholder] = /^<[a-z][-\w .]*>/i.exec(operator + rest) ?? [];
  if (placeholder !== undefined) return `${placeholder}: put the value in its place`;
  // A number behind the sign may be the beginning of a secret.
  const [sign = operator] = /^\d*\D+/.exec(operator) ?? [];
  const word = openWord(operator.slice(sign.length) + rest);
  return `${sign}${word}: it is for a shell, and a node has none; leave it out`;
}

/** Returns the first word of a text, unless it may be a secret: `&` parts a query, and a password has any sign. */
function openWord(text: string): string {
  const [word = ''] = /^\s*[^\s|&;<>()]+/.exec(text) ?? [];
  return SECRET.test(word) || SECRET_SIGN.test(word) || word.includes('=') ? '' : word;
}

/** Returns the fault of a flag whose dashes were changed, as by a word processor. */
function dashFault(word: string): string | undefined {
  const [dash] = DASH.exec(word) ?? [];
  if (dash === undefined || /^\w/.test(word)) return undefined;
  const [, name = ''] = /^\W*([\w-]*)/.exec(word) ?? [];
  const flag = SECRET.test(name) ? 'a flag' : `--${name}`;
  return `${flag}: it is written with the typographic dash ${dash}; write two plain ones (--)`;
}

function wordFault(word: string): string | undefined {
  const [quote] = QUOTE.exec(word) ?? [];
  if (quote !== undefined) return `it has the typographic quote ${quote}; write " or leave it out`;
  return /\$[\w{(]/.test(word)
    ? `${shown(word)}: it is a variable of a shell, and a node has none; put its value in its place`
    : dashFault(word);
}

/** The words of a command, or why a node cannot read it as a shell would. */
export type Words =
  | { readonly words: readonly string[]; readonly fault?: never }
  | { readonly words?: never; readonly fault: string };

type Groups = Readonly<Record<string, string | undefined>>;

const textOf = ({ single, double, escaped, plain }: Groups): string =>
  single ?? double?.replaceAll(/\\(["\\$`])/g, '$1') ?? escaped ?? plain ?? '';

/** Splits a command as a shell does, without carrying anything out. */
export function splitWords(text: string): Words {
  const command = text.replaceAll(INVISIBLE, '').trim();
  const words = [''];
  let end = 0;
  for (const { 0: piece, index, groups } of command.matchAll(PIECE)) {
    const found: Groups = groups ?? {};
    end = index + piece.length;
    if (found['operator'] !== undefined)
      return { fault: operatorFault(found['operator'], command.slice(end), words.at(-1) ?? '') };
    if (found['blank'] !== undefined) words.push('');
    else words.push(`${words.pop() ?? ''}${textOf(found)}`);
  }
  if (end < command.length) return { fault: 'it has a quote that is not closed' };
  const fault = words.map(wordFault).find((why) => why !== undefined);
  return fault === undefined ? { words: command === '' ? [] : words } : { fault };
}
