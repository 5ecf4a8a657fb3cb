/** Bytes of a file or disk. */
export interface ByteRange {
  readonly offset: number;
  readonly bytes: number;
}

/** Joins ranges that touch; they come in the order of their offsets. */
export function joinRanges(ranges: readonly ByteRange[]): ByteRange[] {
  const joined: ByteRange[] = [];
  for (const { offset, bytes } of ranges) {
    const last = joined.at(-1);
    if (last !== undefined && last.offset + last.bytes >= offset)
      joined.splice(-1, 1, {
        offset: last.offset,
        bytes: Math.max(last.bytes, offset + bytes - last.offset),
      });
    else joined.push({ offset, bytes });
  }
  return joined;
}
