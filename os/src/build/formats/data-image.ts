import type { ByteRange } from './byte-range.ts';

/**
 * The form of a file system as init copies it into an encrypted volume: only what has to be written, zeros without
 * their bytes (docs/host-api.md section 8). `packages/host-api/vectors/data-image.json` has examples.
 */
export type DataPart =
  | { readonly offset: number; readonly zeros: number }
  | { readonly offset: number; readonly content: Buffer };

const MAGIC = 'kiosimg1';
const PART_BYTES = 17;
const BLOCK = 4096;

/** Encodes a file system of so many bytes. */
export function encodeDataImage(bytes: number, parts: readonly DataPart[]): Buffer {
  const head = Buffer.alloc(MAGIC.length + 12 + parts.length * PART_BYTES);
  head.write(MAGIC, 'latin1');
  head.writeBigUInt64LE(BigInt(bytes), MAGIC.length);
  head.writeUInt32LE(parts.length, MAGIC.length + 8);
  const contents: Buffer[] = [];
  for (const [index, part] of parts.entries()) {
    const at = MAGIC.length + 12 + index * PART_BYTES;
    const hasContent = 'content' in part;
    head.writeBigUInt64LE(BigInt(part.offset), at);
    head.writeBigUInt64LE(BigInt(hasContent ? part.content.length : part.zeros), at + 8);
    head.writeUInt8(hasContent ? 1 : 0, at + 16);
    if (hasContent) contents.push(part.content);
  }
  return Buffer.concat([head, ...contents]);
}

const isZeros = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

/** Divides bytes into the longest runs of blocks that are all zeros, or all something else. */
function* runsOf(bytes: Buffer): Generator<{ begin: number; end: number; isZero: boolean }> {
  let begin = 0;
  while (begin < bytes.length) {
    const isZero = isZeros(bytes.subarray(begin, begin + BLOCK));
    let end = begin + BLOCK;
    while (end < bytes.length && isZeros(bytes.subarray(end, end + BLOCK)) === isZero) end += BLOCK;
    end = Math.min(end, bytes.length);
    yield { begin, end, isZero };
    begin = end;
  }
}

/** Divides used bytes of a file system into zeros and others; `read` returns the bytes of a range. */
export async function dataParts(
  used: readonly ByteRange[],
  read: (range: ByteRange) => Promise<Buffer>,
): Promise<DataPart[]> {
  const parts: DataPart[] = [];
  for (const { offset, bytes } of used) {
    const range = await read({ offset, bytes });
    for (const { begin, end, isZero } of runsOf(range)) {
      const at = offset + begin;
      parts.push(
        isZero
          ? { offset: at, zeros: end - begin }
          : { offset: at, content: range.subarray(begin, end) },
      );
    }
  }
  return parts;
}
