import { isMap } from '../schema-parts.ts';
import { parseYamlDocuments } from '../yaml.ts';
import { wantsValue } from './join-flags.ts';

/** A `kubeadm join` command in a text that somebody copied. */
export interface Found {
  /** The words behind `join`, on one line. */
  readonly text: string;
  /** Its first line, counted from 1. */
  readonly line: number;
  /** It stands behind `#`, which is a comment or the prompt of root. */
  readonly isHidden: boolean;
  /** Names of the variables that are set for kubeadm alone. */
  readonly variables: readonly string[];
}

export interface Paste {
  readonly commands: readonly Found[];
  /** Lines that are none of the command, a comment, or a message of kubeadm. */
  readonly others: readonly number[];
}

/** A prompt ends with one of these and a blank. */
const PROMPT = /^[^'"`$#%>\u276F\u279C]{0,80}[$#%>\u276F\u279C](?:[ \t]+~)?[ \t]+/;
/** Programs that start another one, with their switches, and variables set for it. */
const BEFORE =
  /^(?:(?:(?:sudo|doas)(?:[ \t]+(?:-[ugh][ \t]+[^\s-]\S*|-[\w-]+(?:=\S*)?))*|env|nohup|time|exec)[ \t]+|\w+=[^\s;|&]*[ \t]+)+/;
const JOIN =
  /^(?:[^\s'"=:;|&]*\/)?kubeadm((?:[ \t]+(?:-v[ \t]+\d+|-[-\w]+(?:=\S+)?))*)[ \t]+join(?![-\w./:])(.*)$/;

/** What a terminal shows as colours, and signs without any width, which come with a text from a web page. */
// eslint-disable-next-line no-control-regex
const UNSEEN = /\u001B\[[\d;]*[A-Za-z]|[\u200B-\u200D\u2060\uFEFF]/g;

const seen = (text: string): string =>
  text.replaceAll(UNSEEN, '').replaceAll(/[\u00A0\u2007\u202F]/g, ' ');

/** Removes a comment; a `#` inside of a word begins none. */
const withoutComment = (line: string): string => line.replace(/(^|\s)#.*$/, '');

type Start = Pick<Found, 'isHidden' | 'variables'> & { readonly rest: string };

const variablesOf = (before: string): readonly string[] =>
  [...before.matchAll(/(?:^|[ \t])(\w+)=/g)].map(([, name]) => name ?? '');

/** Returns the words behind `kubeadm join` when a line begins with it, a prompt and `sudo` apart. */
function startOf(line: string): Start | undefined {
  const bare = line.trimStart();
  const [prompt = ''] = PROMPT.exec(bare) ?? [];
  for (const sign of prompt === '' ? [''] : ['', prompt]) {
    const said = bare.slice(sign.length);
    const [before = ''] = BEFORE.exec(said) ?? [];
    const [, global, rest] = JOIN.exec(said.slice(before.length)) ?? [];
    if (rest === undefined) continue;
    const isHidden = sign.trimStart().startsWith('#');
    return { rest: `${global ?? ''}${rest}`, isHidden, variables: variablesOf(before) };
  }
  return undefined;
}

interface Next {
  readonly text: string;
  readonly at: number;
  /** It follows at once, and no blank begins it. */
  readonly isFlush: boolean;
}

/** Returns the next line that says something, without the sign by which a shell asks for more. */
function nextOf(lines: readonly string[], from: number): Next | undefined {
  for (let at = from; at < lines.length; at++) {
    const line = (lines[at] ?? '').replace(/^>(?: |$)/, '');
    const text = line.trimStart().replace(/^>[ \t]*/, '');
    if (text.trim() !== '') return { text, at, isFlush: at === from && line.startsWith(text) };
  }
  return undefined;
}

const FLAG = /^[-\u2010-\u2015\u2212]{1,2}\w/;

const isFlagWithoutValue = (part: string): boolean =>
  wantsValue(part.replace(/\\$/, '').trim().split(/\s+/).at(-1) ?? '');

/** A line that ends with a backslash goes on, whatever blanks stand behind that; so does a flag without its value. */
const goesOn = (part: string, next: string): boolean =>
  /\\\s*$/.test(part) || FLAG.test(next) || isFlagWithoutValue(part);

/** A backslash in the middle of a word continues that word, as in a shell, where somebody left no blank out. */
const isTorn = (part: string, { text, isFlush }: Next): boolean =>
  isFlush && /(?:^|[^\s\\])\\$/.test(part) && !FLAG.test(text) && !isFlagWithoutValue(part);

function commandAt(
  lines: readonly string[],
  first: number,
  { rest, isHidden, variables }: Start,
): { found: Found; end: number } {
  const parts: string[] = [];
  // A part is looked at alone: a command may have thousands of lines.
  let part = withoutComment(rest);
  let end = first;
  for (;;) {
    const next = nextOf(lines, end + 1);
    const isStart = next !== undefined && startOf(lines[next.at] ?? '') !== undefined;
    if (next === undefined || isStart || !goesOn(part, next.text)) break;
    parts.push(isTorn(part, next) ? part.slice(0, -1) : `${part} `);
    part = withoutComment(next.text);
    end = next.at;
  }
  // A backslash before a blank is what remains of a line's end where the line break was lost.
  const text = `${parts.join('')}${part}`.replaceAll(/\\(?=\s|$)/g, ' ');
  return { found: { text, line: first + 1, isHidden, variables }, end };
}

/** What stands around the command in kubeadm's own output, and what nobody can have meant for the node. */
const SAID =
  /^(?:$|#|```|[IWEF]\d{4}\s|\[[-\w/]+\]|[^'"]*kubeadm[ \t]+(?:init|token[ \t]+create)\b)/;

/** Finds the commands of a text. kubeadm prints one for workers, and perhaps one for control planes before it. */
export function findJoinCommands(text: string): Paste {
  const lines = seen(text).split(/\r?\n|\r/);
  const isOutput = /^Your Kubernetes [\w-]+ has initialized/m.test(text);
  const commands: Found[] = [];
  const others: number[] = [];
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? '';
    const start = startOf(line);
    if (start === undefined) {
      if (!isOutput && !SAID.test(line.trim())) others.push(at + 1);
      continue;
    }
    const { found, end } = commandAt(lines, at, start);
    commands.push(found);
    at = end;
  }
  return { commands, others };
}

/** Texts of other programs, in which the command is a part of something else. */
const OTHERS =
  /^\s*(?:[{<]|#(?:!|#\s*template|cloud-|include|part-handler|upstart-job|ps1)|MIME-Version:|Content-Type:)/i;
const HEAD = /^\s*["']?(?:apiVersion|kind)["']?\s*:/m;

function isYamlMap(text: string): boolean {
  try {
    return parseYamlDocuments('', text).some(isMap);
  } catch {
    return false; // A command is no YAML mostly, and one that is broken has a head.
  }
}

/** Returns whether a text is a pasted `kubeadm join` command, with or without lines around it. */
export function isJoinCommand(given: string): boolean {
  if (!/kubeadm\s(?:.*\s)?join(?:\s|$)/.test(given)) return false;
  const text = seen(given);
  return (
    /\bkubeadm\s(?:.*\s)?join(?:\s|$)/.test(text) &&
    !OTHERS.test(text) &&
    !HEAD.test(text) &&
    !isYamlMap(text)
  );
}
