import { type ModuleFile, parseSoftdep, type Softdep } from './index-files.ts';
import type { ModprobeConfig } from './modprobe-config.ts';
import { nameOfFile, normalise } from './module-name.ts';
import { type Damaged, ModuleTables, once, type ReadIndex } from './tables.ts';

export interface Lookup {
  readonly names: readonly string[];
  /** `alias`: a pattern matched. `name`: it was the module's own name. */
  readonly by: 'alias' | 'name';
}

/** Resolves names and aliases to modules and their dependencies: the part of libkmod that a node uses. */
export class ModuleIndex {
  readonly #config: ModprobeConfig;
  readonly #tables: ModuleTables;
  readonly #softdeps: () => Map<string, Softdep>;

  constructor(read: ReadIndex, config: ModprobeConfig, damaged: Damaged = () => undefined) {
    this.#config = config;
    this.#tables = new ModuleTables(read, damaged);
    this.#softdeps = once(() => parseSoftdep(read('modules.softdep')));
  }

  module(name: string): ModuleFile | undefined {
    return this.#tables.module(name);
  }

  get names(): readonly string[] {
    return this.#tables.names;
  }

  isBuiltin(name: string): boolean {
    return this.#tables.isBuiltin(name);
  }

  /** Returns all matches of the first table that knows the alias: several drivers may claim one device. */
  lookup(alias: string): Lookup | undefined {
    const name = normalise(alias);
    if (name === undefined) return undefined;
    const isName = (): string[] => (this.module(name) === undefined ? [] : [name]);
    const tables: readonly (readonly [Lookup['by'], () => readonly string[]])[] = [
      ['alias', () => this.#config.aliases.lookup(name)],
      ['name', isName],
      ['alias', () => (name.startsWith('symbol:') ? this.#tables.symbols(name) : [])],
      ['name', () => (this.#config.commands.has(name) ? [name] : [])],
      ['alias', () => this.#tables.aliases(name)],
      ['name', () => (this.isBuiltin(name) ? [name] : [])],
      ['alias', () => this.#tables.builtinAliases(name)],
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
