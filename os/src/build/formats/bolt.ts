/**
 * Writer of bbolt files (go.etcd.io/bbolt, format version 2), just enough for a new database: each bucket is one run of
 * leaf pages, and small buckets without children are inline in their parent. bbolt splits large leaves when it first
 * writes to them.
 */

/** Entries of a bucket: key → value or nested bucket. Each character of a key is one byte (latin1). */
export interface Bucket {
  /** The last value that bbolt's NextSequence returned. */
  readonly sequence?: number;
  readonly entries: ReadonlyMap<string, Uint8Array | Bucket>;
}

const PAGE = 4096;
const MAGIC = 0xed0cdaed;
const VERSION = 2;
const FLAG = { leaf: 0x02, meta: 0x04, freelist: 0x10 } as const;
const HEADER = 16;
const ELEMENT = 16;
const BUCKET_ELEMENT = 1;
/** A bucket of up to a quarter of a page is inline (bbolt's bucket.inlineable). */
const INLINE_LIMIT = PAGE / 4;
const FREELIST_PAGE = 2;

const isBucket = (value: Uint8Array | Bucket): value is Bucket => !(value instanceof Uint8Array);

function pageHeader(id: number, flags: number, count: number, overflow: number): Buffer {
  const header = Buffer.alloc(HEADER);
  header.writeBigUInt64LE(BigInt(id), 0);
  header.writeUInt16LE(flags, 8);
  header.writeUInt16LE(count, 10);
  header.writeUInt32LE(overflow, 12);
  return header;
}

function bucketHeader(root: number, sequence: number): Buffer {
  const header = Buffer.alloc(16);
  header.writeBigUInt64LE(BigInt(root), 0);
  header.writeBigUInt64LE(BigInt(sequence), 8);
  return header;
}

interface Element {
  readonly flags: number;
  readonly key: Buffer;
  readonly value: Uint8Array;
}

/**
 * Encodes a leaf after its page header: element table, then keys and values. Positions count from the element itself.
 */
function leafBody(elements: readonly Element[]): Buffer {
  const table = Buffer.alloc(elements.length * ELEMENT);
  const data: Uint8Array[] = [];
  let offset = table.length;
  for (const [index, { flags, key, value }] of elements.entries()) {
    const at = index * ELEMENT;
    table.writeUInt32LE(flags, at);
    table.writeUInt32LE(offset - at, at + 4);
    table.writeUInt32LE(key.length, at + 8);
    table.writeUInt32LE(value.length, at + 12);
    data.push(key, value);
    offset += key.length + value.length;
  }
  return Buffer.concat([table, ...data]);
}

/** FNV-1a, 64 bits. */
function fnv64a(bytes: Uint8Array): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
  return hash;
}

function metaPage(id: number, root: number, sequence: number, pages: number): Buffer {
  const meta = Buffer.alloc(64);
  meta.writeUInt32LE(MAGIC, 0);
  meta.writeUInt32LE(VERSION, 4);
  meta.writeUInt32LE(PAGE, 8);
  bucketHeader(root, sequence).copy(meta, 16);
  meta.writeBigUInt64LE(BigInt(FREELIST_PAGE), 32);
  meta.writeBigUInt64LE(BigInt(pages), 40);
  meta.writeBigUInt64LE(BigInt(id), 48);
  meta.writeBigUInt64LE(fnv64a(meta.subarray(0, 56)), 56);
  const page = Buffer.alloc(PAGE);
  pageHeader(id, FLAG.meta, 0, 0).copy(page);
  meta.copy(page, HEADER);
  return page;
}

class Pages {
  readonly written: Buffer[] = [];
  next = FREELIST_PAGE + 1;

  /** Stores one leaf in as many pages as it needs and returns the number of the first. */
  leaf(elements: readonly Element[]): number {
    const body = leafBody(elements);
    const count = Math.ceil((HEADER + body.length) / PAGE);
    const run = Buffer.alloc(count * PAGE);
    pageHeader(this.next, FLAG.leaf, elements.length, count - 1).copy(run);
    body.copy(run, HEADER);
    this.written.push(run);
    const id = this.next;
    this.next += count;
    return id;
  }
}

function elementsOf(bucket: Bucket, pages: Pages): Element[] {
  return [...bucket.entries]
    .map(([key, value]) => ({ key: Buffer.from(key, 'latin1'), value }))
    .toSorted((a, b) => Buffer.compare(a.key, b.key))
    .map(({ key, value }) =>
      isBucket(value)
        ? { flags: BUCKET_ELEMENT, key, value: bucketValue(value, pages) }
        : { flags: 0, key, value },
    );
}

function bucketValue(bucket: Bucket, pages: Pages): Buffer {
  const elements = elementsOf(bucket, pages);
  const sequence = bucket.sequence ?? 0;
  if (elements.every((element) => element.flags === 0)) {
    const body = leafBody(elements);
    if (HEADER + body.length <= INLINE_LIMIT)
      return Buffer.concat([
        bucketHeader(0, sequence),
        pageHeader(0, FLAG.leaf, elements.length, 0),
        body,
      ]);
  }
  return bucketHeader(pages.leaf(elements), sequence);
}

/** Encodes a whole database file. Equal buckets give equal bytes. */
export function encodeBolt(root: Bucket): Buffer {
  const pages = new Pages();
  const rootPage = pages.leaf(elementsOf(root, pages));
  const freelist = Buffer.alloc(PAGE);
  pageHeader(FREELIST_PAGE, FLAG.freelist, 0, 0).copy(freelist);
  const metas = [0, 1].map((id) => metaPage(id, rootPage, root.sequence ?? 0, pages.next));
  return Buffer.concat([...metas, freelist, ...pages.written]);
}
