import { parseChoice, withChoice } from '@kios/host-api/board-slots';

import type { BoardMedium } from '../../src/core/plan/board-plan.ts';
import type { Content, Op } from '../../src/core/plan/plan.ts';
import { parseSystem, systemOf } from '../../src/core/slots/board.ts';

const MIB = 1024 * 1024;
const REST = 'arm_64bit=1\n'.repeat(60);

interface File {
  readonly size: number;
  readonly digest: string;
}

/** The first partition of a board in memory. Every step is whole or was never begun. */
export class BoardModel {
  config: string;
  readonly #texts = new Map<string, string>();
  readonly #systems = new Map<number, Map<string, File>>();

  constructor(next: number, good: number, trial: number, generations: readonly number[]) {
    this.config = withChoice(`os_prefix=system/0001/\n#kios good=0001 trial=0000\n${REST}`, {
      next,
      good,
      trial,
    });
    for (const generation of generations) {
      const files = ['kernel8.img', 'initramfs8', 'cmdline.txt'].map(
        (name) => [name, { size: 50 * MIB, digest: name }] as const,
      );
      this.#systems.set(generation, new Map(files));
      const line = 'console=ttyS1 kios.added mitigations=off\n';
      this.#texts.set(`${systemOf(generation)}/cmdline.txt`, line);
    }
  }

  configWith(next: number, good: number, trial: number): string {
    return withChoice(this.config, { next, good, trial });
  }

  get generations(): readonly number[] {
    return [...this.#systems.keys()].toSorted((a, b) => a - b);
  }

  get medium(): BoardMedium {
    const systems = [...this.#systems].map(([generation, files]) => ({
      generation,
      files: [...files].map(([name, { size }]) => ({ name, size })),
    }));
    const commandLine = this.#texts.get('system/0002/cmdline.txt') ?? '';
    return { config: this.config, systems, commandLine, hasModules: false, free: 300 * MIB, cluster: 4096 }; // prettier-ignore
  }

  #at(path: string): { readonly files: Map<string, File>; readonly name: string } {
    const [, number = '', name = ''] = path.split('/');
    const files = this.#systems.get(parseSystem(number) ?? 0);
    if (files === undefined) throw new Error(`${path} has no folder`);
    return { files, name };
  }

  #put(path: string, file: File): void {
    const { files, name } = this.#at(path);
    if (files.has(name)) throw new Error(`${path} is written twice`);
    files.set(name, file);
  }

  #overwrite(path: string, text: string): void {
    if (path !== 'config.txt' || text.length > 512)
      throw new Error(`${path} is more than a sector`);
    this.config = text + this.config.slice(text.length);
  }

  #remove(path: string): void {
    const { files, name } = this.#at(path);
    if (!files.delete(name)) throw new Error(path);
  }

  #removeFolder(path: string): void {
    if (this.#at(`${path}/x`).files.size > 0) throw new Error(`${path} is not empty`);
    this.#systems.delete(Number(path.slice(-4)));
  }

  #makeFolder(path: string): void {
    const generation = Number(path.slice(-4));
    if (this.#systems.has(generation)) throw new Error(`${path} is there`);
    this.#systems.set(generation, new Map());
  }

  /** What a file has: its text, or the digest of its content. */
  #contentOf(path: string): string | undefined {
    if (path === 'config.txt') return this.config;
    const { files, name } = this.#at(path);
    return files.get(name)?.digest;
  }

  #verify(path: string, content: Content | string): void {
    if (this.#contentOf(path) !== (typeof content === 'string' ? content : content.digest))
      throw new Error(`${path} says something else`);
  }

  apply(op: Op): void {
    switch (op.tag) {
      case 'remove':
        return this.#remove(op.path);
      case 'removeFolder':
        return this.#removeFolder(op.path);
      case 'makeFolder':
        return this.#makeFolder(op.path);
      case 'overwrite':
        return this.#overwrite(op.path, op.text);
      case 'draft':
        this.#texts.set(op.path, op.text);
        return this.#put(op.path, { size: op.text.length, digest: op.text });
      case 'copy':
        return this.#put(op.path, op.content);
      case 'verify':
        return this.#verify(op.path, op.content);
      case 'rename':
        throw new Error('a board has nothing to rename');
      case 'remount':
    }
  }

  /** Returns what would keep the board from starting, or from coming back. */
  faults(running: number): readonly string[] {
    const choice = parseChoice(this.config);
    if (choice === undefined) return ['nobody can tell what starts'];
    const isWhole = (generation: number): boolean =>
      ['kernel8.img', 'initramfs8', 'cmdline.txt'].every((name) =>
        this.#systems.get(generation)?.has(name),
      );
    return [
      ...(isWhole(choice.next) ? [] : ['what starts next is not whole']),
      ...(isWhole(running) ? [] : ['the running system is not whole']),
      ...(choice.good === running ? [] : ['it would come back to another system']),
      ...(choice.next === running || choice.next === choice.trial
        ? []
        : ['an untold system starts']),
    ];
  }
}
