import { closeSync, lstatSync, openSync, readdirSync, readSync, type Stats } from 'node:fs';

import type { Executable } from '../host-facts.ts';

/** Mount point of the data partition. Parts of it are bound to other folders, whose names say more. */
const DATA = '/lib/kios/data';
/** File systems of the kernel, and the merged views of containers, whose layers are seen where they lie. */
const LEFT_OUT = /^\/(?:proc|sys|dev|run\/containerd\/io\.containerd\.runtime\.v2\.task)$/;

/** The first bytes of a program and of a text that names its interpreter. */
const KINDS = new Map<string, Executable['kind']>([
  ['\u007fE', 'program'],
  ['#!', 'script'],
]);

function kindOf(file: string): Executable['kind'] {
  const start = Buffer.alloc(2);
  const fd = openSync(file, 'r');
  try {
    readSync(fd, start, 0, start.length, 0);
  } finally {
    closeSync(fd);
  }
  return KINDS.get(start.toString('latin1')) ?? 'other';
}

/** Looks for executable files in all file systems that are mounted below a folder. */
class Search {
  readonly found: Executable[] = [];
  readonly #root: string;
  readonly #seen = new Set<string>();

  constructor(root: string) {
    this.#root = root;
  }

  in(dir: string, isLeftOut: (path: string) => boolean): void {
    for (const name of this.#names(dir)) {
      const path = dir === '/' ? `/${name}` : `${dir}/${name}`;
      if (isLeftOut(path)) continue;
      const stats = lstatSync(this.#root + path, { throwIfNoEntry: false });
      if (stats?.isDirectory() === true) this.in(path, isLeftOut);
      else if (stats?.isFile() === true && (stats.mode & 0o111) !== 0) this.#add(path, stats);
    }
  }

  /** A pod that ends takes its folders away. */
  #names(dir: string): string[] {
    try {
      return readdirSync(this.#root + dir);
    } catch {
      return [];
    }
  }

  #add(path: string, { dev, ino }: Stats): void {
    const key = `${dev}:${ino}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    this.found.push({ path, kind: kindOf(this.#root + path) });
  }
}

/** Returns every file with an execute bit below `root`: the host's own, and those in the layers of all images. */
export function executablesIn(root: string): Executable[] {
  const search = new Search(root);
  search.in('/', (path) => LEFT_OUT.test(path) || path === DATA);
  search.in(DATA, () => false);
  return search.found.toSorted((one, other) => one.path.localeCompare(other.path));
}
