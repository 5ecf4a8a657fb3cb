import type { Content, Medium, Op } from '../../src/core/plan/plan.ts';
import {
  DRAFTS,
  ENTRIES,
  FALLBACK,
  fallbackText,
  IMAGES,
  imageOf,
  modulesOf,
  parseEntry,
  parseImage,
} from '../../src/core/slots/names.ts';

export const CLUSTER = 4096;

/** A system's file: what is in it, or a beginning of that. */
interface File {
  readonly digest: string;
  readonly size: number;
  readonly isWhole: boolean;
}

/** The EFI system partition in memory. Every step is whole or was never begun, but a copy, which may break off. */
export class ModelMedium {
  readonly entries = new Map<string, string>();
  readonly images = new Map<string, File>();
  readonly others = new Map<string, string>();
  /** Drivers of the machine come from a modules.erofs. */
  hasModules = false;
  #free: number;

  constructor(free: number) {
    this.#free = free;
  }

  get medium(): Medium {
    return {
      entries: [...this.entries.keys()],
      files: [...this.images].map(([name, { size }]) => ({ name, size })),
      hasModules: this.hasModules,
      fallback: this.others.get(FALLBACK),
      hasFallbackDraft: this.others.has(DRAFTS.fallback),
      free: this.#free,
      cluster: CLUSTER,
    };
  }

  put(generation: number, digest: string, size: number, entry?: string): void {
    const name = imageOf(generation).slice(IMAGES.length + 1);
    this.#take(name, { digest, size, isWhole: true });
    if (entry !== undefined) this.entries.set(entry, `linux /${imageOf(generation)}\n`);
  }

  putModules(generation: number, size: number): void {
    const name = modulesOf(generation).slice(IMAGES.length + 1);
    this.#take(name, { digest: 'modules', size, isWhole: true });
  }

  #take(name: string, file: File): void {
    this.#free -= Math.ceil(file.size / CLUSTER) * CLUSTER;
    if (this.#free < 0) throw new Error('the medium is full');
    this.images.set(name, file);
  }

  #textAt(file: string): string | undefined {
    return file.startsWith(`${ENTRIES}/`)
      ? this.entries.get(file.slice(ENTRIES.length + 1))
      : this.others.get(file);
  }

  #set(file: string, text: string): void {
    if (file.startsWith(`${ENTRIES}/`)) this.entries.set(file.slice(ENTRIES.length + 1), text);
    else this.others.set(file, text);
  }

  #remove(file: string): void {
    const name = file.slice(file.lastIndexOf('/') + 1);
    if (file.startsWith(`${ENTRIES}/`)) this.entries.delete(name);
    else if (file.startsWith(`${IMAGES}/`)) {
      this.#free += Math.ceil((this.images.get(name)?.size ?? 0) / CLUSTER) * CLUSTER;
      this.images.delete(name);
    } else this.others.delete(file);
  }

  #rename(from: string, to: string): void {
    const text = this.#textAt(from);
    if (text === undefined || this.#textAt(to) !== undefined) throw new Error(`${to} is there`);
    this.#remove(from);
    this.#set(to, text);
  }

  #copy(file: string, { digest, size }: Content, cut = 1): void {
    const name = file.slice(IMAGES.length + 1);
    if (this.images.has(name)) throw new Error(`${name} is written twice`);
    this.#take(name, { digest, size: Math.floor(size * cut), isWhole: cut === 1 });
  }

  #verify(file: string, content: Content | string): void {
    if (typeof content === 'string') return this.#verifyText(file, content);
    const found = this.images.get(file.slice(IMAGES.length + 1));
    if (found?.isWhole !== true || found.digest !== content.digest)
      throw new Error('it is another file');
  }

  #overwrite(file: string, text: string): void {
    if (this.#textAt(file)?.length !== text.length) throw new Error(`${file} would move`);
    this.#set(file, text);
  }

  #draft(file: string, text: string): void {
    if (this.#textAt(file) !== undefined) throw new Error(`${file} is there`);
    this.#set(file, text);
  }

  #verifyText(file: string, text: string): void {
    if (this.#textAt(file) !== text) throw new Error(`${file} says something else`);
  }

  /** Carries out a step; a copy that is cut ends at that share of the file. */
  apply(op: Op, cut?: number): void {
    switch (op.tag) {
      case 'remove':
        return this.#remove(op.path);
      case 'overwrite':
        return this.#overwrite(op.path, op.text);
      case 'draft':
        return this.#draft(op.path, op.text);
      case 'rename':
        return this.#rename(op.from, op.to);
      case 'copy':
        return this.#copy(op.path, op.content, cut);
      case 'verify':
        return this.#verify(op.path, op.content);
      case 'makeFolder':
      case 'removeFolder':
        throw new Error('a system of UEFI has no folder of its own');
      case 'remount':
    }
  }

  /** Returns what would keep a machine from starting, or loop. */
  faults(running: number): readonly string[] {
    const entries = [...this.entries.keys()].map(parseEntry).filter((entry) => entry !== undefined);
    const isWhole = (generation: number): boolean =>
      [...this.images].some(([name, file]) => parseImage(name) === generation && file.isWhole);
    const hasOwn = (generation: number): boolean =>
      !this.hasModules ||
      this.images.get(modulesOf(generation).slice(IMAGES.length + 1))?.isWhole === true;
    const fallback = this.others.get(FALLBACK);
    const counted = entries.map(({ generation }) => generation);
    const isGuarded = fallback === fallbackText(running);
    return [
      ...(entries.some(
        ({ generation, triesLeft }) => generation === running && triesLeft === undefined,
      )
        ? []
        : ['the running system has no entry']),
      ...(isWhole(running) ? [] : ['the running system has no file']),
      ...(new Set(counted).size === counted.length ? [] : ['two entries are of one generation']),
      ...entries
        .filter(({ generation }) => !isWhole(generation))
        .map(({ path }) => `${path} names no whole file`),
      ...(fallback === undefined || counted.some((one) => fallback === fallbackText(one))
        ? []
        : [`the guard would start ${fallback}`]),
      ...(hasOwn(running) ? [] : ['the running system has lost its modules']),
      ...entries
        .filter(({ generation, triesLeft }) => generation > running && (triesLeft ?? 0) > 0)
        .filter(({ generation }) => !hasOwn(generation))
        .map(({ path }) => `${path} is tried without its modules`),
      ...(isGuarded ||
      !entries.some(({ generation, triesLeft }) => generation > running && triesLeft !== 0)
        ? []
        : ['something is tried that the guard cannot undo']),
    ];
  }
}
