import { AliasTable } from './alias-table.ts';
import { BinaryIndex } from './binary-index.ts';
import {
  DepTable,
  type ModuleFile,
  moduleOf,
  parseBuiltin,
  parseBuiltinAliases,
} from './index-files.ts';
import { IndexDamage } from './index-nodes.ts';

/** Files written by depmod. Each is read on first use, because most boots do not need them all. */
export type IndexFile =
  | BinaryFile
  | 'modules.dep'
  | 'modules.alias'
  | 'modules.symbols'
  | 'modules.softdep'
  | 'modules.builtin'
  | 'modules.builtin.modinfo';

type BinaryFile =
  | 'modules.dep.bin'
  | 'modules.alias.bin'
  | 'modules.symbols.bin'
  | 'modules.builtin.bin'
  | 'modules.builtin.alias.bin';

/** Returns a file, one character for each byte; empty when it is missing. */
export type ReadIndex = (file: IndexFile) => string;

/** Is told that a file is damaged, and that the text is used of which it was made. */
export type Damaged = (file: IndexFile, why: string) => void;

/** Makes a value on first use. */
export function once<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | undefined;
  return () => (made ??= { value: make() }).value;
}

/** A binary index, or what is used in its place when the file is missing or damaged. */
class Index<Text> {
  readonly #damaged: Damaged;
  readonly #file: BinaryFile;
  readonly #binary: () => BinaryIndex | undefined;
  readonly #text: () => Text;
  #isDamaged = false;

  constructor(read: ReadIndex, damaged: Damaged, file: BinaryFile, text: () => Text) {
    this.#damaged = damaged;
    this.#file = file;
    this.#text = once(text);
    this.#binary = once(() => {
      const bytes = read(file);
      return bytes === '' ? undefined : new BinaryIndex(bytes);
    });
  }

  /** Looks up in the binary index; in the text once that has been found damaged. */
  ask<Answer>(binary: (index: BinaryIndex) => Answer, text: (table: Text) => Answer): Answer {
    try {
      const index = this.#isDamaged ? undefined : this.#binary();
      if (index !== undefined) return binary(index);
    } catch (error) {
      if (!(error instanceof IndexDamage)) throw error;
      this.#isDamaged = true;
      this.#damaged(this.#file, error.message);
    }
    return text(this.#text());
  }
}

/** depmod's tables of one kernel, as modprobe looks them up. */
export class ModuleTables {
  readonly #modules: Index<DepTable>;
  readonly #aliases: Index<AliasTable>;
  readonly #symbols: Index<AliasTable>;
  readonly #builtin: Index<ReadonlySet<string>>;
  readonly #builtinAliases: Index<AliasTable>;

  constructor(read: ReadIndex, damaged: Damaged) {
    const index = <Text>(file: BinaryFile, text: () => Text): Index<Text> =>
      new Index(read, damaged, file, text);
    this.#modules = index('modules.dep.bin', () => new DepTable(read('modules.dep')));
    this.#aliases = index('modules.alias.bin', () => AliasTable.parse(read('modules.alias')));
    this.#symbols = index('modules.symbols.bin', () => AliasTable.parse(read('modules.symbols')));
    this.#builtin = index('modules.builtin.bin', () => parseBuiltin(read('modules.builtin')));
    this.#builtinAliases = index('modules.builtin.alias.bin', () =>
      parseBuiltinAliases(read('modules.builtin.modinfo')),
    );
  }

  /** Names of all modules with a file. */
  get names(): readonly string[] {
    return this.#modules.ask(
      (index) => [...index.entries().keys()],
      (table) => table.names,
    );
  }

  module(name: string): ModuleFile | undefined {
    return this.#modules.ask(
      (index) => moduleOf(name, index.get(name)),
      (table) => table.get(name),
    );
  }

  isBuiltin(name: string): boolean {
    return this.#builtin.ask(
      (index) => index.get(name) !== undefined,
      (names) => names.has(name),
    );
  }

  aliases(alias: string): readonly string[] {
    return lookup(this.#aliases, alias);
  }

  symbols(alias: string): readonly string[] {
    return lookup(this.#symbols, alias);
  }

  builtinAliases(alias: string): readonly string[] {
    return lookup(this.#builtinAliases, alias);
  }
}

const lookup = (index: Index<AliasTable>, alias: string): readonly string[] =>
  index.ask(
    (binary) => binary.match(alias),
    (table) => table.lookup(alias),
  );
