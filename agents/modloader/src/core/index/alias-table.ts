import { fnmatch } from './fnmatch.ts';
import { normalise } from './module-name.ts';

interface Entry {
  readonly pattern: string;
  readonly module: string;
}

/** The entries of one bus. Lines are parsed on first use: an index has thousands, and most buses have no device. */
interface Bucket {
  readonly lines: string[];
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

  /** Parses `modules.alias` or `modules.symbols`; lines of another form are skipped. */
  static parse(text: string): AliasTable {
    const table = new AliasTable();
    for (const line of text.split('\n')) {
      if (!line.startsWith(KEYWORD)) continue;
      const blank = line.indexOf(' ', KEYWORD.length);
      table.#bucket(line.slice(KEYWORD.length, blank)).lines.push(line);
    }
    return table;
  }

  add(pattern: string, module: string): void {
    const normal = normalise(pattern);
    if (normal === undefined) return;
    this.#bucket(normal).entries.push({ pattern: normal, module: module.replaceAll('-', '_') });
  }

  /** Returns the modules that an alias names, each once, in the table's order. */
  lookup(alias: string): string[] {
    const found = new Set<string>();
    for (const key of new Set([busOf(alias), '', ANY_BUS])) {
      for (const { pattern, module } of this.#entries(key)) {
        if (fnmatch(pattern, alias)) found.add(module);
      }
    }
    return [...found];
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
    for (const line of bucket.lines.splice(0)) {
      const [, pattern, module] = LINE.exec(line) ?? [];
      if (pattern !== undefined && module !== undefined) this.add(pattern, module);
    }
    return bucket.entries;
  }
}
