import { isMap, type Tree } from '../document/tree.ts';
import { type Path, pathKey } from '../fault.ts';

/**
 * A tree from which faulty places are taken, so that the rest can be read. Entries of lists keep the positions that
 * they have in the file.
 */
export class PrunedTree {
  readonly tree: Tree;
  /** Positions in the file of what is left of a list. */
  readonly #positions = new Map<string, number[]>();
  /** Lists that are at most this deep hold entries of many keys, of which one is taken and not all. */
  readonly #depth: number;

  constructor(tree: Tree, depth: number) {
    this.tree = structuredClone(tree);
    this.#depth = depth;
  }

  /** The path in the file of a path in what is left. */
  original(path: Path): Path {
    return path.map((key, at) => {
      if (typeof key !== 'number') return key;
      return this.#positions.get(pathKey(path.slice(0, at)))?.[key] ?? key;
    });
  }

  #at(path: Path): Tree | undefined {
    let at: Tree | undefined = this.tree;
    for (const key of path) {
      if (Array.isArray(at)) at = at[Number(key)];
      else at = isMap(at) ? at[key] : undefined;
    }
    return at;
  }

  /** The place to take out: the innermost entry of a list that holds the path, for an entry says one thing. */
  #target(path: Path): Path {
    const at = path.findLastIndex((key) => typeof key === 'number');
    return at >= this.#depth ? path.slice(0, at + 1) : path;
  }

  /** Takes out what several paths are about. The last entries of a list go first: the others keep their places. */
  remove(paths: readonly Path[]): void {
    const targets = new Map(
      paths.map((path) => this.#target(path)).map((path) => [pathKey(path), path]),
    );
    const ordered = [...targets.values()].toSorted(
      (one, other) =>
        other.length - one.length || Number(other.at(-1) ?? 0) - Number(one.at(-1) ?? 0) || 0,
    );
    for (const path of ordered) this.#removeOne(path);
  }

  #removeOne(path: Path): void {
    const parent = path.slice(0, -1);
    const key = path.at(-1) ?? '';
    const at = this.#at(parent);
    if (Array.isArray(at)) {
      const known = this.#positions.get(pathKey(parent)) ?? [...at.keys()];
      at.splice(Number(key), 1);
      known.splice(Number(key), 1);
      this.#positions.set(pathKey(parent), known);
    } else if (isMap(at)) delete at[key];
  }
}
