/** Type information (BTF) as a kernel's build writes it. */

/** A member of a structure: its name, the identifier of its type, and its offset in bits. */
export type Member = readonly [name: string, type: number, bits: number];

const KIND = { int: 1, array: 3, struct: 4, union: 5, function: 12, prototype: 13 } as const;
const HEADER = 24;

export class TypeWriter {
  readonly #words: number[] = [];
  #names = '\0';

  #name(text: string): number {
    if (text === '') return 0;
    const known = this.#names.indexOf(`\0${text}\0`);
    if (known !== -1) return known + 1;
    this.#names += `${text}\0`;
    return this.#names.length - text.length - 1;
  }

  /** Adds a type; each gets the next identifier, from 1. */
  add(kind: keyof typeof KIND, name: string, count = 0, ...more: readonly number[]): this {
    const info = ((KIND[kind] << 24) | count) >>> 0;
    this.#words.push(this.#name(name), info, 0, ...more);
    return this;
  }

  structure(kind: 'struct' | 'union', name: string, ...members: readonly Member[]): this {
    const words = members.flatMap(([member, type, bits]) => [this.#name(member), type, bits]);
    return this.add(kind, name, members.length, ...words);
  }

  bytes(): Buffer {
    const length = this.#words.length * 4;
    const header = [HEADER, 0, length, length, this.#names.length];
    const bytes = Buffer.alloc(HEADER + length, 0);
    bytes.writeUInt16LE(0xeb9f, 0);
    for (const [index, word] of header.entries()) bytes.writeUInt32LE(word, 4 + 4 * index);
    for (const [index, word] of this.#words.entries())
      bytes.writeUInt32LE(word, HEADER + 4 * index);
    return Buffer.concat([bytes, Buffer.from(this.#names, 'latin1')]);
  }
}

/**
 * A function of the same name as a structure, whose fields are in one without a name, as where the layout is random.
 */
export const exampleTypes = (): Buffer =>
  new TypeWriter()
    .add('int', 'int', 0, 32)
    .add('prototype', '', 1, 0, 1)
    .add('function', 'task_struct')
    .add('array', '', 0, 1, 1, 4)
    .structure('union', '', ['exit_state', 1, 0])
    .structure('struct', '', ['state', 1, 0], ['tgid', 1, 64], ['', 5, 96])
    .structure('struct', 'task_struct', ['thread_info', 4, 0], ['', 6, 128], ['odd', 1, 3])
    .add('function', 'bpf_lsm_file_open')
    .bytes();
