import { AliasTable } from './alias-table.ts';
import { fnmatch } from './fnmatch.ts';
import { parseSoftdepWords, type Softdep } from './index-files.ts';
import { normalise } from './module-name.ts';

/** The settings in modprobe.d files and on the kernel's command line. Names are normalised. */
export interface ModprobeConfig {
  readonly aliases: AliasTable;
  /** Modules that a device's alias does not load; their names still do. */
  readonly blacklist: Set<string>;
  /** Modules that the kernel itself refuses (`module_blacklist=`). */
  readonly refused: Set<string>;
  /** Parameters by the name or alias of a module, in the order in which they count. */
  readonly options: { readonly name: string; readonly parameters: string }[];
  /** By patterns of modules, of which the first counts. */
  readonly softdeps: { readonly pattern: string; readonly softdep: Softdep }[];
  /** Patterns of the modules that have `install` lines, which are never run: they deny the module. */
  readonly install: Set<string>;
  /** Names that `install` and `remove` lines define, whatever else does. */
  readonly commands: Set<string>;
}

export function emptyConfig(): ModprobeConfig {
  return {
    aliases: new AliasTable(),
    blacklist: new Set(),
    refused: new Set(),
    options: [],
    softdeps: [],
    install: new Set(),
    commands: new Set(),
  };
}

/** Returns the parameters of a module that is loaded for `alias`, one text for each line. */
export function optionsOf(
  { aliases, options }: ModprobeConfig,
  name: string,
  alias: string,
): string[] {
  const normal = normalise(alias);
  // As in kmod, an alias of the operator's has its parameters by its own text, whatever it matched.
  const patterns = normal === undefined ? [] : aliases.patternsFor(normal, name);
  const names = new Set([name, ...(patterns.length > 0 ? patterns : [normal])]);
  return options.filter((line) => names.has(line.name)).map(({ parameters }) => parameters);
}

/** Returns what the first softdep line for a module says. */
export const softdepOf = ({ softdeps }: ModprobeConfig, name: string): Softdep | undefined =>
  softdeps.find(({ pattern }) => fnmatch(pattern, name))?.softdep;

/** Returns whether a module has an `install` line. */
export const hasInstall = ({ install }: ModprobeConfig, name: string): boolean =>
  [...install].some((pattern) => fnmatch(pattern, name));

function addOptions(config: ModprobeConfig, name: string, parameters: string): void {
  if (parameters !== '') config.options.push({ name, parameters });
}

/** Adds a line. `rest` is what follows the name, as it stands there. */
type AddLine = (config: ModprobeConfig, name: string, rest: string) => void;

const wordsOf = (text: string): string[] => text.split(/[\t ]+/).filter((word) => word !== '');

/** As in kmod, a line without what its keyword needs does not count. */
const KEYWORDS: Readonly<Record<string, AddLine>> = {
  alias: (config, name, rest) => {
    const [module] = wordsOf(rest);
    if (module !== undefined) config.aliases.add(name, module);
  },
  blacklist: (config, name) => config.blacklist.add(name),
  options: (config, name, rest) => addOptions(config, name, rest.replaceAll('\t', ' ')),
  softdep: (config, pattern, rest) => {
    if (rest !== '') config.softdeps.push({ pattern, softdep: parseSoftdepWords(wordsOf(rest)) });
  },
  install: (config, name, rest) => {
    if (rest === '') return;
    config.install.add(name);
    config.commands.add(name);
  },
  remove: (config, name, rest) => {
    if (rest !== '') config.commands.add(name);
  },
};

const LINE = /^[\t ]*([^\t ]+)[\t ]+([^\t ]+)(?:[\t ]([^]*))?$/;

function addLine(config: ModprobeConfig, line: string): void {
  const [, keyword = '', text = '', rest = ''] = LINE.exec(line) ?? [];
  const name = normalise(text);
  if (name !== undefined && Object.hasOwn(KEYWORDS, keyword))
    KEYWORDS[keyword]?.(config, name, rest.trim());
}

/** A backslash takes away the line break behind it, and itself before any other character. */
const unescapeLines = (text: string): string =>
  text
    .replaceAll('\r\n', '\n')
    .replaceAll(/\\([^]?)/g, (_, next: string) => (next === '\n' ? '' : next));

/** Adds one modprobe.d(5) file. Unknown lines are skipped, as in modprobe. */
export function addModprobeFile(config: ModprobeConfig, text: string): void {
  for (const line of unescapeLines(text).split('\n')) {
    if (!line.startsWith('#')) addLine(config, line);
  }
}

/** Lets `install` lines deny nothing, as `modprobe --ignore-install`. They still define names. */
export const ignoreInstall = (config: ModprobeConfig): void => config.install.clear();

/** Splits the kernel's command line into words. Double quotes protect blanks and are kept. */
const splitCmdline = (text: string): string[] => text.match(/(?:[^\s"]|"[^"]*"?)+/g) ?? [];

/** Quotes that begin a word protect its value only: `"a.b=c d"` is `a.b="c d"`, as the kernel reads it. */
const moveQuote = (word: string): string =>
  word.replace(/^"([^"=]*)=([^"]*)"$/, '$1="$2"').replace(/^"([^"=]*)"$/, '$1');

/** What of a line of the command line is about modules: one dot, before the equals sign. */
const PARAMETER = /^([^.=]+)\.([^.=]+(?:=[^]*)?)$/;

const addNames = (list: Set<string>, names: string): void => {
  for (const name of names.split(',')) if (name !== '') list.add(name.replaceAll('-', '_'));
};

function addCmdlineWord(config: ModprobeConfig, word: string): void {
  const [, refused] = /^module[-_]blacklist=([^]*)$/.exec(word) ?? [];
  if (refused !== undefined) return addNames(config.refused, refused);
  const [, module = '', parameter = ''] = PARAMETER.exec(word) ?? [];
  const blacklist = 'blacklist=';
  if (module === 'modprobe' && parameter.startsWith(blacklist))
    return addNames(config.blacklist, parameter.slice(blacklist.length));
  const name = normalise(module);
  if (name !== undefined) addOptions(config, name, parameter);
}

/** Adds `modprobe.blacklist=a,b`, `module_blacklist=a,b` and `<module>.<parameter>=value` of a kernel command line. */
export function addCmdline(config: ModprobeConfig, text: string): void {
  for (const word of splitCmdline(text)) addCmdlineWord(config, moveQuote(word));
}
