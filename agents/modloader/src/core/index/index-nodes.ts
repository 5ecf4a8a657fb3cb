const MAGIC = 0xb0_07_f4_57;
/** Major version 2; a minor one does not change how the file is read. */
const MAJOR = 2;
const HEADER = 12;

/** An offset of a node has these flags in its upper bits. */
const PREFIX = 0x80_00_00_00;
const VALUES = 0x40_00_00_00;
const CHILDREN = 0x20_00_00_00;
const OFFSET = 0x0f_ff_ff_ff;

/** No key has more nodes: each adds a character. */
export const MAX_DEPTH = 256;
/** The longest text is the list of a module's dependencies. */
const MAX_TEXT = 64 * 1024;
/** The largest index of a distribution has 1.4 MB. */
const MAX_BYTES = 4 * 1024 * 1024;

/** The file is not an index, or is damaged. The text of depmod has the same content. */
export class IndexDamage extends Error {}

export interface Value {
  readonly priority: number;
  readonly text: string;
}

export interface Node {
  readonly prefix: string;
  /** The characters of the first and the last child; `first` is greater when there is none. */
  readonly first: number;
  readonly last: number;
  readonly childrenAt: number;
  /** Where the values begin, or 0. */
  readonly valuesAt: number;
}

/**
 * The nodes of an index as depmod writes it (`modules.alias.bin` and others; libkmod/libkmod-index.c): a tree in which
 * the path to a node spells a key, and its values are what the key stands for. All numbers are big-endian. Nodes are
 * read where a look-up passes, so that opening an index costs only reading the file.
 *
 * Every read is checked. A look-up passes each node of a tree a few times, which bounds the work in a damaged file.
 */
export class IndexNodes {
  /** One character for each byte: strings are cut from it without being copied. */
  readonly #bytes: string;
  /** The same bytes, for numbers. */
  readonly #view: DataView;
  /** Bytes that the present look-up may still read. */
  #budget = 0;

  /** `bytes` is the file as Latin-1. Throws IndexDamage for a file of another form. */
  constructor(bytes: string) {
    this.#bytes = bytes;
    const { buffer, byteOffset, byteLength } = Buffer.from(bytes, 'latin1');
    this.#view = new DataView(buffer, byteOffset, byteLength);
    if (bytes.length > MAX_BYTES) throw new IndexDamage(`it has ${bytes.length} bytes`);
    if (bytes.length < HEADER || this.#u32(0) !== MAGIC) throw new IndexDamage('it is no index');
    const major = this.#u32(4) >>> 16;
    if (major !== MAJOR) throw new IndexDamage(`its version is ${major}`);
  }

  eachChild(node: Node, depth: number, visit: (char: string, child: Node) => void): void {
    if (depth > MAX_DEPTH) throw new IndexDamage('it has a loop');
    for (let char = node.first; char <= node.last; char++) {
      const child = this.child(node, char);
      if (child !== undefined) visit(String.fromCharCode(char), child);
    }
  }

  /** Returns the characters for which a node has children. */
  characters({ first, last, childrenAt }: Node): number[] {
    const characters: number[] = [];
    for (let char = first; char <= last; char++)
      if (this.#u32(childrenAt + 4 * (char - first)) !== 0) characters.push(char);
    return characters;
  }

  child({ first, last, childrenAt }: Node, char: number): Node | undefined {
    if (char < first || char > last) return undefined;
    return this.#node(this.#u32(childrenAt + 4 * (char - first)));
  }

  /** Begins a look-up. */
  root(): Node | undefined {
    this.#budget = 4 * this.#bytes.length;
    const offset = this.#u32(8);
    // The root of an index without keys has no content.
    return (offset & (VALUES | CHILDREN)) === 0 ? undefined : this.#node(offset);
  }

  /** Reads the node at an offset with its flags; undefined for a child that does not exist. */
  #node(offset: number): Node | undefined {
    if (offset === 0) return undefined;
    if ((offset & (VALUES | CHILDREN)) === 0) throw new IndexDamage('a node has no content');
    const start = offset & OFFSET;
    const prefix = (offset & PREFIX) === 0 ? '' : this.#string(start);
    let at = (offset & PREFIX) === 0 ? start : start + prefix.length + 1;
    let [first, last, childrenAt] = [1, 0, 0];
    if ((offset & CHILDREN) !== 0) {
      [first, last, childrenAt] = [this.#u8(at), this.#u8(at + 1), at + 2];
      if (first > last) throw new IndexDamage('a node has less than no child');
      at = childrenAt + 4 * (last - first + 1);
    }
    const hasValues = (offset & VALUES) !== 0;
    this.#spend(at - start + (hasValues ? 4 : 0));
    return { prefix, first, last, childrenAt, valuesAt: hasValues ? at : 0 };
  }

  values({ valuesAt }: Node): Value[] {
    if (valuesAt === 0) return [];
    const values: Value[] = [];
    let at = valuesAt + 4;
    for (let count = this.#u32(valuesAt); count > 0; count--) {
      const text = this.#string(at + 4);
      const size = 4 + text.length + 1;
      values.push({ priority: this.#u32(at), text });
      at += size;
      this.#spend(size);
    }
    return values;
  }

  #spend(bytes: number): void {
    this.#budget -= bytes;
    if (this.#budget < 0) throw new IndexDamage('it is no tree');
  }

  #string(at: number): string {
    const end = this.#bytes.indexOf('\0', at);
    if (end < 0) throw new IndexDamage('a text has no end');
    if (end - at > MAX_TEXT) throw new IndexDamage('a text is too long');
    return this.#bytes.slice(at, end);
  }

  #u8(at: number): number {
    if (at >= this.#bytes.length) throw new IndexDamage('it ends early');
    return this.#view.getUint8(at);
  }

  #u32(at: number): number {
    if (at + 4 > this.#bytes.length) throw new IndexDamage('it ends early');
    return this.#view.getUint32(at);
  }
}
