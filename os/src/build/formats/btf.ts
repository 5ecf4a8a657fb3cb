/** Reader of a kernel's type information (BTF; Documentation/bpf/btf.rst of the kernel). */

const MAGIC = 0xeb9f;
const KIND = { struct: 4, union: 5, function: 12 } as const;
const TYPE_SIZE = 12;
const MEMBER_SIZE = 12;
/** Bytes of each member that follows a type, by kind. */
const MEMBER: Readonly<Record<number, number>> = { 4: 12, 5: 12, 6: 8, 13: 8, 15: 12, 19: 12 };
/** Bytes of the fixed part that follows a type, by kind. */
const TAIL: Readonly<Record<number, number>> = { 1: 4, 3: 12, 14: 4, 17: 4 };
/** Of a structure with bit fields: the top byte of a member's offset is the size of its field. */
const BIT_FIELDS = 2 ** 31;

interface Type {
  readonly kind: number;
  /** Where the type begins. */
  readonly at: number;
}

export class TypeInformation {
  readonly #bytes: Buffer;
  readonly #strings: number;
  /** The type with the identifier n is the one before the n-th. */
  readonly #types: Type[] = [];

  /** Throws if the bytes are not a whole BTF section. */
  constructor(bytes: Buffer) {
    if (bytes.readUInt16LE(0) !== MAGIC) throw new Error('this is no type information of a kernel');
    this.#bytes = bytes;
    const header = bytes.readUInt32LE(4);
    const start = header + bytes.readUInt32LE(8);
    const end = start + bytes.readUInt32LE(12);
    this.#strings = header + bytes.readUInt32LE(16);
    for (let at = start; at < end;) {
      const info = bytes.readUInt32LE(at + 4);
      const kind = (info >>> 24) & 0x1f;
      this.#types.push({ kind, at });
      at += TYPE_SIZE + (TAIL[kind] ?? 0) + (MEMBER[kind] ?? 0) * (info & 0xffff);
    }
  }

  #nameAt(at: number): string {
    const start = this.#strings + this.#bytes.readUInt32LE(at);
    return this.#bytes.toString('latin1', start, this.#bytes.indexOf(0, start));
  }

  #find(kind: number, name: string): number {
    const strings = this.#bytes.subarray(this.#strings);
    const wanted = strings.indexOf(`\0${name}\0`) + 1;
    const found = this.#types.findIndex(
      (type) => type.kind === kind && this.#bytes.readUInt32LE(type.at) === wanted,
    );
    if (wanted === 0 || found === -1) throw new Error(`the kernel has no type ${name}`);
    return found;
  }

  /** Returns the identifier of a function. Throws if the kernel has none of that name. */
  function(name: string): number {
    return this.#find(KIND.function, name) + 1;
  }

  /**
   * Returns the distance of a field from the start of a structure, in bytes. Where the layout of structures is random,
   * the fields that it moves are in a structure without a name. Throws if there is no such field, or it is one of bits.
   */
  offset(structure: string, field: string): number {
    const bits = this.#within(this.#types[this.#find(KIND.struct, structure)], field);
    if (bits === undefined || bits % 8 !== 0)
      throw new Error(`the kernel’s structure ${structure} has no field ${field}`);
    return bits / 8;
  }

  #within(type: Type | undefined, field: string): number | undefined {
    if (type?.kind !== KIND.struct && type?.kind !== KIND.union) return undefined;
    const info = this.#bytes.readUInt32LE(type.at + 4);
    for (let index = 0; index < (info & 0xffff); index += 1) {
      const member = type.at + TYPE_SIZE + index * MEMBER_SIZE;
      const raw = this.#bytes.readUInt32LE(member + 8);
      const bits = info >= BIT_FIELDS ? raw & 0xff_ffff : raw;
      const name = this.#nameAt(member);
      if (name === field) return bits;
      if (name !== '') continue;
      const inner = this.#within(this.#types[this.#bytes.readUInt32LE(member + 4) - 1], field);
      if (inner !== undefined) return bits + inner;
    }
    return undefined;
  }
}
