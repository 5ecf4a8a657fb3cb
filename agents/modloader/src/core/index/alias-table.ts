import { fnmatch } from './fnmatch.ts';
import { normalise } from './module-name.ts';

interface Entry {
  /** Its place in the table. */
  readonly at: number;
  readonly pattern: string;
  readonly module: string;
}

/** The entries of one bus. Lines are parsed on first use: an index has thousands, and most buses have no device. */
interface Bucket {
  readonly lines: { readonly at: number; readonly line: string }[];
  readonly entries: Entry[];
}

/** `alias PATTERN MODULE` */
const LINE = /^alias\s+(\S+)\s+(\S+)\s*$/;
const KEYWORD = 'alias ';
const WILD = /[*?[\\]/;
const ANY_BUS = '*';

/** Returns the bus of a pattern or device alias: the text up to and including the first colon, or an empty string. */
const busOf = (alias: string): string => alias.slice(0, alias.indexOf(':') + 1);

/** Alias patterns and the modules they name, split by bus, so that an alias is compared with its own bus only. */
export class AliasTable {
  readonly #buckets = new Map<string, Bucket>();
  #count = 0;

  /** Parses `modules.alias` or `modules.symbols`; lines of another form are skipped. */
  static parse(text: string): AliasTable {
    const table = new AliasTable();
    for (const line of text.split('\n')) {
      if (!line.startsWith(KEYWORD)) continue;
      const blank = line.indexOf(' ', KEYWORD.length);
      const bucket = table.#bucket(line.slice(KEYWORD.length, blank));
      bucket.lines.push({ at: table.#count++, line });
    }
    return table;
  }

  add(pattern: string, module: string): void {
    this.#add({ at: this.#count++, pattern, module });
  }

  /** Returns the modules that an alias names, each once, in the table's order. */
  lookup(alias: string): string[] {
    return [...new Set(this.#matches(alias).map(({ module }) => module))];
  }

  /** Returns the patterns by which an alias names this module. */
  patternsFor(alias: string, module: string): string[] {
    const own = this.#matches(alias).filter((entry) => entry.module === module);
    return own.map(({ pattern }) => pattern);
  }

  #matches(alias: string): Entry[] {
    const keys = [...new Set([busOf(alias), '', ANY_BUS])];
    const found = keys.flatMap((key) =>
      this.#entries(key).filter(({ pattern }) => fnmatch(pattern, alias)),
    );
    return found.toSorted((a, b) => a.at - b.at);
  }

  #add({ at, pattern, module }: Entry): void {
    const normal = normalise(pattern);
    if (normal === undefined) return;
    const entry = { at, pattern: normal, module: module.replaceAll('-', '_') };
    this.#bucket(normal).entries.push(entry);
  }

  #bucket(pattern: string): Bucket {
    const bus = busOf(pattern).replaceAll('-', '_');
    const key = WILD.test(bus) ? ANY_BUS : bus;
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      bucket = { lines: [], entries: [] };
      this.#buckets.set(key, bucket);
    }
    return bucket;
  }

  #entries(key: string): readonly Entry[] {
    const bucket = this.#buckets.get(key);
    if (bucket === undefined) return [];
    for (const { at, line } of bucket.lines.splice(0)) {
      const [, pattern, module] = LINE.exec(line) ?? [];
      if (pattern !== undefined && module !== undefined) this.#add({ at, pattern, module });
    }
    return bucket.entries;
  }
}
