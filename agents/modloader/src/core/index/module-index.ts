import { type ModuleFile, parseSoftdep, type Softdep } from './index-files.ts';
import { type ModprobeConfig, softdepOf } from './modprobe-config.ts';
import { nameOfFile, normalise } from './module-name.ts';
import { type Damaged, ModuleTables, once, type ReadIndex } from './tables.ts';

export interface Lookup {
  readonly names: readonly string[];
  /** `alias`: a pattern matched. `name`: it was the module's own name. */
  readonly by: 'alias' | 'name';
}

const byAlias = (names: readonly string[]): Lookup | undefined =>
  names.length > 0 ? { names, by: 'alias' } : undefined;

/** Resolves names and aliases to modules and their dependencies: the part of libkmod that a node uses. */
export class ModuleIndex {
  readonly #config: ModprobeConfig;
  readonly #tables: ModuleTables;
  readonly #softdeps: () => Map<string, Softdep>;
  /** Several devices need one module, and several modules one dependency. */
  readonly #modules = new Map<string, ModuleFile>();
  readonly #probeLists = new Map<string, readonly ModuleFile[]>();

  constructor(read: ReadIndex, config: ModprobeConfig, damaged: Damaged = () => undefined) {
    this.#config = config;
    this.#tables = new ModuleTables(read, damaged);
    this.#softdeps = once(() => parseSoftdep(read('modules.softdep')));
  }

  module(name: string): ModuleFile | undefined {
    const known = this.#modules.get(name);
    if (known !== undefined) return known;
    const module = this.#tables.module(name);
    if (module !== undefined) this.#modules.set(name, module);
    return module;
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
    const byName = (isName: boolean): Lookup | undefined =>
      isName ? { names: [name], by: 'name' } : undefined;
    return (
      byAlias(this.#config.aliases.lookup(name)) ??
      byName(this.module(name) !== undefined) ??
      (name.startsWith('symbol:') ? byAlias(this.#tables.symbols(name)) : undefined) ??
      byName(this.#config.commands.has(name)) ??
      byAlias(this.#tables.aliases(name)) ??
      byName(this.isBuiltin(name)) ??
      byAlias(this.#tables.builtinAliases(name))
    );
  }

  /** Returns the modules to load for `name`, itself included: dependencies first, softdeps around their module. */
  probeList(name: string): readonly ModuleFile[] {
    const known = this.#probeLists.get(name);
    if (known !== undefined) return known;
    const list = this.#findProbeList(name);
    this.#probeLists.set(name, list);
    return list;
  }

  #findProbeList(name: string): readonly ModuleFile[] {
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
    return softdepOf(this.#config, name) ?? this.#softdeps().get(name) ?? { pre: [], post: [] };
  }

  #softTargets(alias: string): readonly string[] {
    return this.lookup(alias)?.names ?? [];
  }
}
