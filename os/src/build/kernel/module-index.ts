/** The modules of a kernel in depmod's files. Names are normalised (`-` is `_`). */
export interface ModuleIndex {
  /**
   * Module name → its file and the files it needs, in the order of modules.dep (nearest first), relative to the folder
   * of modules.dep.
   */
  readonly files: ReadonlyMap<string, readonly string[]>;
  readonly builtin: ReadonlySet<string>;
  /** Alias patterns in file order. */
  readonly aliases: readonly { readonly pattern: string; readonly module: string }[];
  /** Module name → what it wants loaded before it, though it has none of its symbols (`softdep … pre:`). */
  readonly before: ReadonlyMap<string, readonly string[]>;
}

const normal = (name: string): string => name.replaceAll('-', '_');

const nameOf = (file: string): string =>
  normal(file.slice(file.lastIndexOf('/') + 1).replace(/\.ko(\.\w+)?$/, ''));

/** Parses the `pre:` part of each line of modules.softdep (modprobe.d(5)). */
function parseBefore(softdep: string): Map<string, string[]> {
  const before = new Map<string, string[]>();
  for (const line of softdep.split('\n')) {
    const match = /^softdep (\S+) (?:.* )?pre: (.*?)(?: post:.*)?$/.exec(line);
    if (match === null) continue;
    const name = normal(match[1]!);
    before.set(name, [...(before.get(name) ?? []), ...match[2]!.split(' ').map(normal)]);
  }
  return before;
}

/** Parses modules.dep, modules.builtin, modules.alias and modules.softdep. */
export function parseModuleIndex(
  dep: string,
  builtin: string,
  alias: string,
  softdep = '',
): ModuleIndex {
  const files = new Map<string, readonly string[]>();
  for (const line of dep.split('\n')) {
    const [file, needs] = line.split(':');
    if (file === undefined || needs === undefined) continue;
    files.set(nameOf(file), [file, ...needs.split(' ').filter((name) => name !== '')]);
  }
  const aliases = alias.split('\n').flatMap((line) => {
    const match = /^alias (\S+) (\S+)$/.exec(line);
    return match === null ? [] : [{ pattern: match[1]!, module: normal(match[2]!) }];
  });
  const built = new Set(builtin.split('\n').filter(Boolean).map(nameOf));
  return { files, builtin: built, aliases, before: parseBefore(softdep) };
}

/**
 * Returns the files to load for `modules`, each once, after what they need and what they want before them. Modules that
 * are built in or missing have none.
 */
export function loadOrder(index: ModuleIndex, modules: readonly string[]): string[] {
  const order = new Set<string>();
  const seen = new Set<string>();
  const add = (name: string): void => {
    if (seen.has(name)) return;
    seen.add(name);
    for (const other of index.before.get(name) ?? []) add(other);
    for (const file of (index.files.get(name) ?? []).toReversed()) order.add(file);
  };
  for (const name of modules) add(name);
  return [...order];
}
