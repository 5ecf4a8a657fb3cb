import { AliasTable } from './alias-table.ts';
import { nameOfFile } from './module-name.ts';

export interface ModuleFile {
  readonly name: string;
  /** Path below the modules folder. */
  readonly file: string;
  /** Paths of all direct and indirect dependencies, in loading order. */
  readonly needs: readonly string[];
}

export interface Softdep {
  readonly pre: readonly string[];
  readonly post: readonly string[];
}

const lines = (text: string): string[] =>
  text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '');

/** Reads the line of a module in `modules.dep`; undefined when there is none, or one of another form. */
export function moduleOf(name: string, line = ''): ModuleFile | undefined {
  const colon = line.indexOf(':');
  if (colon <= 0) return undefined;
  return { name, file: line.slice(0, colon), needs: words(line.slice(colon + 1)).toReversed() };
}

/**
 * `modules.dep`: lines `path: dependency…` with the first dependency to load at the end. Lines of another form are
 * skipped. Lines are parsed on demand, because a boot needs a few of a thousand.
 */
export class DepTable {
  readonly #lines = new Map<string, string>();

  constructor(text: string) {
    for (const line of text.split('\n')) {
      const colon = line.indexOf(':');
      if (colon > 0 && !line.startsWith('#'))
        this.#lines.set(nameOfFile(line.slice(0, colon)), line);
    }
  }

  get names(): readonly string[] {
    return [...this.#lines.keys()];
  }

  get(name: string): ModuleFile | undefined {
    return moduleOf(name, this.#lines.get(name));
  }
}

/** Parses a softdep line after the module's name. Words before the first `pre:` or `post:` are ignored. */
export function parseSoftdepWords(parts: readonly string[]): Softdep {
  const pre: string[] = [];
  const post: string[] = [];
  let into: string[] | undefined;
  for (const part of parts) {
    if (part === 'pre:') into = pre;
    else if (part === 'post:') into = post;
    else into?.push(part);
  }
  return { pre, post };
}

/** Parses `modules.softdep`: `softdep NAME pre: … post: …`. As in kmod, the first line of a module counts. */
export function parseSoftdep(text: string): Map<string, Softdep> {
  const softdeps = new Map<string, Softdep>();
  for (const line of lines(text)) {
    const [keyword, name, ...rest] = words(line);
    if (keyword !== 'softdep' || name === undefined) continue;
    const normal = name.replaceAll('-', '_');
    if (!softdeps.has(normal)) softdeps.set(normal, parseSoftdepWords(rest));
  }
  return softdeps;
}

/** Parses `modules.builtin`, one path per line, into module names. */
export function parseBuiltin(text: string): Set<string> {
  return new Set(lines(text).map(nameOfFile));
}

/** Parses the aliases in `modules.builtin.modinfo`, a list of NUL-terminated `module.key=value` strings. */
export function parseBuiltinAliases(text: string): AliasTable {
  const table = new AliasTable();
  for (const entry of text.split('\0')) {
    const equals = entry.indexOf('=');
    const dot = entry.indexOf('.');
    if (dot > 0 && dot < equals && entry.slice(dot + 1, equals) === 'alias') {
      table.add(entry.slice(equals + 1), entry.slice(0, dot));
    }
  }
  return table;
}
