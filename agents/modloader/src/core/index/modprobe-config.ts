import { AliasTable } from './alias-table.ts';
import { parseSoftdepWords, type Softdep } from './index-files.ts';
import { normalise } from './module-name.ts';

/** The settings in modprobe.d files and on the kernel's command line. Names are normalised. */
export interface ModprobeConfig {
  readonly aliases: AliasTable;
  /** Modules that a device's alias does not load; their names still do. */
  readonly blacklist: Set<string>;
  /** Parameters by the name or alias of a module, in the order in which they count. */
  readonly options: { readonly name: string; readonly parameters: string }[];
  readonly softdeps: Map<string, Softdep>;
  /** `install` lines, which are never run: they deny the module. `block` is the idiom `install X /bin/false`. */
  readonly install: Map<string, 'block' | 'command'>;
  /** Names that `install` and `remove` lines define, whatever else does. */
  readonly commands: Set<string>;
}

export function emptyConfig(): ModprobeConfig {
  return {
    aliases: new AliasTable(),
    blacklist: new Set(),
    options: [],
    softdeps: new Map(),
    install: new Map(),
    commands: new Set(),
  };
}

/** Returns the parameters of a module that is loaded for `alias`, one text for each line. */
export function optionsOf({ options }: ModprobeConfig, name: string, alias: string): string[] {
  const normal = normalise(alias);
  return options
    .filter((line) => line.name === name || line.name === normal)
    .map(({ parameters }) => parameters);
}

const underscores = (name: string): string => name.replaceAll('-', '_');
const isBlock = (command: string | undefined): boolean =>
  command === ':' || /^(\/usr)?(\/bin\/)?(true|false)$/.test(command ?? '');

function addOptions(config: ModprobeConfig, name: string, parameters: string): void {
  const normal = normalise(name);
  if (parameters !== '' && normal !== undefined) config.options.push({ name: normal, parameters });
}

type AddLine = (config: ModprobeConfig, name: string, rest: readonly string[]) => void;

const KEYWORDS: Readonly<Record<string, AddLine>> = {
  alias: (config, name, [module]) => {
    if (module !== undefined) config.aliases.add(name, module);
  },
  blacklist: (config, name) => config.blacklist.add(underscores(name)),
  options: (config, name, rest) => addOptions(config, name, rest.join(' ')),
  softdep: (config, name, rest) => {
    if (config.softdeps.has(underscores(name))) return;
    config.softdeps.set(underscores(name), parseSoftdepWords(rest));
  },
  install: (config, name, [command]) => {
    config.install.set(underscores(name), isBlock(command) ? 'block' : 'command');
    config.commands.add(underscores(name));
  },
  remove: (config, name) => config.commands.add(underscores(name)),
};

function addLine(config: ModprobeConfig, line: string): void {
  const [keyword, name, ...rest] = line.split(/\s+/).filter((word) => word !== '');
  if (keyword === undefined || name === undefined || !Object.hasOwn(KEYWORDS, keyword)) return;
  KEYWORDS[keyword]?.(config, name, rest);
}

/** Adds one modprobe.d(5) file. Unknown lines are skipped, as in modprobe. */
export function addModprobeFile(config: ModprobeConfig, text: string): void {
  for (const line of text.replaceAll('\\\n', ' ').split('\n')) {
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

const BLACKLISTS: ReadonlySet<string> = new Set(['modprobe.blacklist', 'module_blacklist']);

function addCmdlineWord(config: ModprobeConfig, word: string): void {
  const equals = word.indexOf('=');
  const key = equals < 0 ? word : word.slice(0, equals);
  if (BLACKLISTS.has(key)) {
    const names = word.slice(equals + 1).split(',');
    for (const name of names) config.blacklist.add(underscores(name));
    return;
  }
  const dot = key.indexOf('.');
  if (dot > 0) addOptions(config, key.slice(0, dot), word.slice(dot + 1));
}

/** Adds `modprobe.blacklist=a,b`, `module_blacklist=a,b` and `<module>.<parameter>=value` of a kernel command line. */
export function addCmdline(config: ModprobeConfig, text: string): void {
  for (const word of splitCmdline(text)) addCmdlineWord(config, moveQuote(word));
}
