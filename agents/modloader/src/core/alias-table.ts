import { fnmatch } from './fnmatch.ts';
import { normalise } from './module-name.ts';

interface Entry {
  readonly pattern: string;
  readonly module: string;
}

const bucketOf = (alias: string): string => alias.slice(0, alias.indexOf(':') + 1);
const isPlain = (prefix: string): boolean => !/[*?[\\]/.test(prefix);

/** Alias patterns and the modules they name, split by bus: a device's alias is compared with its own bus only. */
export class AliasTable {
  readonly #buckets = new Map<string, Entry[]>();

  add(pattern: string, module: string): void {
    const normal = normalise(pattern);
    if (normal === undefined) return;
    const prefix = bucketOf(normal);
    const key = isPlain(prefix) ? prefix : '*';
    const bucket = this.#buckets.get(key);
    const entry = { pattern: normal, module: module.replaceAll('-', '_') };
    if (bucket === undefined) this.#buckets.set(key, [entry]);
    else bucket.push(entry);
  }

  /** The modules an alias names, each once, in the table's order. */
  lookup(alias: string): string[] {
    const found = new Set<string>();
    for (const key of new Set([bucketOf(alias), '', '*'])) {
      for (const { pattern, module } of this.#buckets.get(key) ?? []) {
        if (fnmatch(pattern, alias)) found.add(module);
      }
    }
    return [...found];
  }
}
