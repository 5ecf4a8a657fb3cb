/**
 * Reader of bbolt files, written after bbolt's page.go and node.go and not after our writer, so that tests of the
 * writer can use it.
 */

/** A bucket as a map of latin1 keys; values are bytes or further buckets. */
export type ReadBucket = Map<string, Buffer | ReadBucket>;

export interface ReadDatabase {
  readonly root: ReadBucket;
  readonly sequences: ReadonlyMap<string, bigint>;
  readonly pageSize: number;
}

const BRANCH = 0x01;
const LEAF = 0x02;
const BUCKET = 0x01;

function fnv64a(bytes: Buffer): bigint {
  let hash = 14695981039346656037n;
  for (const byte of bytes) {
    hash ^= BigInt(byte);
    hash = BigInt.asUintN(64, hash * 1099511628211n);
  }
  return hash;
}

interface Meta {
  readonly pageSize: number;
  readonly root: bigint;
  readonly highWater: bigint;
  readonly transaction: bigint;
}

function readMeta(file: Buffer, at: number): Meta | undefined {
  const meta = file.subarray(at + 16, at + 80);
  if (meta.readUInt32LE(0) !== 0xed0cdaed || meta.readUInt32LE(4) !== 2) return undefined;
  if (meta.readBigUInt64LE(56) !== fnv64a(meta.subarray(0, 56))) return undefined;
  return {
    pageSize: meta.readUInt32LE(8),
    root: meta.readBigUInt64LE(16),
    highWater: meta.readBigUInt64LE(40),
    transaction: meta.readBigUInt64LE(48),
  };
}

class Reader {
  readonly sequences = new Map<string, bigint>();
  readonly file: Buffer;
  readonly meta: Meta;

  constructor(file: Buffer, meta: Meta) {
    this.file = file;
    this.meta = meta;
  }

  bucket(id: bigint, path: string): ReadBucket {
    if (id >= this.meta.highWater)
      throw new Error(`${path}: page ${id} is past the high water mark`);
    const at = Number(id) * this.meta.pageSize;
    if (this.file.readBigUInt64LE(at) !== id)
      throw new Error(`${path}: page ${id} has another number`);
    const overflow = this.file.readUInt32LE(at + 12);
    return this.page(this.file.subarray(at, at + (overflow + 1) * this.meta.pageSize), path);
  }

  page(page: Buffer, path: string): ReadBucket {
    const flags = page.readUInt16LE(8);
    const into: ReadBucket = new Map();
    let last: Buffer | undefined;
    for (let index = 0; index < page.readUInt16LE(10); index += 1) {
      const element = page.subarray(16 + index * 16);
      if (flags === BRANCH) {
        for (const [key, value] of this.bucket(element.readBigUInt64LE(8), path))
          into.set(key, value);
        continue;
      }
      if (flags !== LEAF) throw new Error(`${path}: page with flags ${flags}`);
      const [position, size] = [element.readUInt32LE(4), element.readUInt32LE(8)];
      const key = element.subarray(position, position + size);
      const value = element.subarray(position + size, position + size + element.readUInt32LE(12));
      if (last !== undefined && Buffer.compare(last, key) >= 0)
        throw new Error(`${path}: keys out of order`);
      last = key;
      const name = key.toString('latin1');
      into.set(
        name,
        element.readUInt32LE(0) === BUCKET ? this.nested(value, `${path}/${name}`) : value,
      );
    }
    return into;
  }

  nested(value: Buffer, path: string): ReadBucket {
    const root = value.readBigUInt64LE(0);
    this.sequences.set(path, value.readBigUInt64LE(8));
    return root === 0n ? this.page(value.subarray(16), path) : this.bucket(root, path);
  }
}

/** Reads the newest valid state of a database that no program has open. */
export function readBolt(file: Buffer): ReadDatabase {
  const first = readMeta(file, 0);
  const second = readMeta(file, first?.pageSize ?? 4096);
  const metas = [first, second].filter((meta) => meta !== undefined);
  const meta = metas.toSorted((a, b) => (a.transaction > b.transaction ? -1 : 1))[0];
  if (meta === undefined) throw new Error('no valid meta page');
  const reader = new Reader(file, meta);
  const root = reader.bucket(meta.root, '');
  return { root, sequences: reader.sequences, pageSize: meta.pageSize };
}
