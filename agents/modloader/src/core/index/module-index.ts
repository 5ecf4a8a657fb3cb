import { AliasTable } from './alias-table.ts';
import {
  DepTable,
  type ModuleFile,
  parseBuiltin,
  parseBuiltinAliases,
  parseSoftdep,
  type Softdep,
} from './index-files.ts';
import type { ModprobeConfig } from './modprobe-config.ts';
import { nameOfFile, normalise } from './module-name.ts';

/** Files written by depmod. Each is read on first use, because most boots do not need them all. */
export type IndexFile =
  | 'modules.dep'
  | 'modules.alias'
  | 'modules.symbols'
  | 'modules.softdep'
  | 'modules.builtin'
  | 'modules.builtin.modinfo';

export interface Lookup {
  readonly names: readonly string[];
  /** `alias`: a pattern matched. `name`: it was the module's own name. */
  readonly by: 'alias' | 'name';
}

function once<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | undefined;
  return () => (made ??= { value: make() }).value;
}

/** Resolves names and aliases to modules and their dependencies: the part of libkmod that a node uses. */
export class ModuleIndex {
  readonly #config: ModprobeConfig;
  readonly #modules: () => DepTable;
  readonly #aliases: () => AliasTable;
  readonly #symbols: () => AliasTable;
  readonly #softdeps: () => Map<string, Softdep>;
  readonly #builtin: () => Set<string>;
  readonly #builtinAliases: () => AliasTable;

  /** `read` returns a file's text, empty when the file is missing. */
  constructor(read: (file: IndexFile) => string, config: ModprobeConfig) {
    this.#config = config;
    this.#modules = once(() => new DepTable(read('modules.dep')));
    this.#aliases = once(() => AliasTable.parse(read('modules.alias')));
    this.#symbols = once(() => AliasTable.parse(read('modules.symbols')));
    this.#softdeps = once(() => parseSoftdep(read('modules.softdep')));
    this.#builtin = once(() => parseBuiltin(read('modules.builtin')));
    this.#builtinAliases = once(() => parseBuiltinAliases(read('modules.builtin.modinfo')));
  }

  module(name: string): ModuleFile | undefined {
    return this.#modules().get(name);
  }

  get names(): readonly string[] {
    return this.#modules().names;
  }

  isBuiltin(name: string): boolean {
    return this.#builtin().has(name);
  }

  /** Returns all matches of the first table that knows the alias: several drivers may claim one device. */
  lookup(alias: string): Lookup | undefined {
    const name = normalise(alias);
    if (name === undefined) return undefined;
    const isName = (): string[] => (this.#modules().has(name) ? [name] : []);
    const tables: readonly (readonly [Lookup['by'], () => readonly string[]])[] = [
      ['alias', () => this.#config.aliases.lookup(name)],
      ['name', isName],
      ['alias', () => (name.startsWith('symbol:') ? this.#symbols().lookup(name) : [])],
      ['name', () => (this.#config.commands.has(name) ? [name] : [])],
      ['alias', () => this.#aliases().lookup(name)],
      ['name', () => (this.isBuiltin(name) ? [name] : [])],
      ['alias', () => this.#builtinAliases().lookup(name)],
    ];
    for (const [by, find] of tables) {
      const names = find();
      if (names.length > 0) return { names, by };
    }
    return undefined;
  }

  /** Returns the modules to load for `name`, itself included: dependencies first, softdeps around their module. */
  probeList(name: string): readonly ModuleFile[] {
    const order = new Map<string, ModuleFile>();
    const visited = new Set<string>();
    const visit = (next: string): void => {
      const module = this.module(next);
      if (module === undefined || visited.has(next)) return;
      visited.add(next);
      for (const need of module.needs) place(nameOfFile(need));
      place(next);
    };
    const place = (next: string): void => {
      const { pre, post } = this.#softdep(next);
      for (const alias of pre) this.#softTargets(alias).forEach(visit);
      const module = this.module(next);
      if (module !== undefined && !order.has(next)) order.set(next, module);
      for (const alias of post) this.#softTargets(alias).forEach(visit);
    };
    visit(name);
    return [...order.values()];
  }

  #softdep(name: string): Softdep {
    return this.#config.softdeps.get(name) ?? this.#softdeps().get(name) ?? { pre: [], post: [] };
  }

  #softTargets(alias: string): readonly string[] {
    return this.lookup(alias)?.names ?? [];
  }
}
