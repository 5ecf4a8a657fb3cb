import { ByteReader, ByteWriter, DecodeError, formatIpv4, parseIpv4 } from '@kios/bytes';

/** Both directions of one wire type. Bytes that `decode` leaves unread are an error, unless the type has a size. */
export interface Codec<T> {
  /** Bytes of a type that always has as many. A longer value is read by its first bytes: some servers repeat it. */
  readonly size?: number;
  decode(reader: ByteReader): T;
  encode(writer: ByteWriter, value: T): void;
}

/** A wire type whose values always have as many bytes. */
export type Sized<T> = Codec<T> & { readonly size: number };

/** Decodes a value that fills all bytes, or the first ones when its type has a size. */
export function decodeWith<T>(codec: Codec<T>, bytes: Uint8Array): T {
  const reader = new ByteReader(bytes.subarray(0, codec.size));
  const value = codec.decode(reader);
  reader.expectEnd();
  return value;
}

export function encodeWith<T>(codec: Codec<T>, value: T): Uint8Array {
  const writer = new ByteWriter(64);
  codec.encode(writer, value);
  return writer.finish();
}

export const u8: Sized<number> = {
  size: 1,
  decode: (reader) => reader.u8(),
  encode: (writer, value) => writer.u8(value),
};

export const u16: Sized<number> = {
  size: 2,
  decode: (reader) => reader.u16(),
  encode: (writer, value) => writer.u16(value),
};

/** Lease, T1 and T2 times in seconds; 0xffffffff is infinity. RFC 2132 §9.2, §9.11, §9.12. */
export const duration: Sized<number> = {
  size: 4,
  decode: (reader) => reader.u32(),
  encode: (writer, value) => writer.u32(value),
};

export const address: Sized<string> = {
  size: 4,
  decode: (reader) => formatIpv4(reader.bytes(4)),
  encode: (writer, value) => writer.bytes(parseIpv4(value)),
};

/**
 * A list of at least one item: RFC 2132 has no wire form for an empty list. Bytes at its end that are too few for
 * another item do not cost those before.
 */
export function listOf<T>(item: Sized<T>): Codec<readonly T[]> {
  return {
    decode(reader) {
      const items = [item.decode(reader)];
      while (reader.remaining >= item.size) items.push(item.decode(reader));
      reader.rest();
      return items;
    },
    encode(writer, values) {
      for (const value of values) item.encode(writer, value);
    },
  };
}

export const bytes: Codec<Uint8Array> = {
  decode: (reader) => reader.rest(),
  encode: (writer, value) => writer.bytes(value),
};

/** An option whose presence is its meaning. */
export const flag: Codec<true> = { decode: () => true, encode: () => undefined };

/** Words with spaces between them. What else separates them on the wire, even control characters, counts as a space. */
export const words: Codec<string> = {
  decode: (reader) =>
    new TextDecoder()
      .decode(reader.rest())
      .replaceAll(/[\p{Cc}\s,]+/gu, ' ')
      .trim(),
  encode: (writer, value) => writer.bytes(new TextEncoder().encode(value)),
};

/** Text. Trailing NULs are dropped, because some servers include them; control characters are refused. */
export const text: Codec<string> = {
  decode(reader) {
    const value = new TextDecoder().decode(reader.rest()).replace(/\0+$/, '');
    // Text from the wire ends up in logs and files.
    if (/\p{Cc}/u.test(value)) throw new DecodeError('decode text: control character');
    return value;
  },
  encode: (writer, value) => writer.bytes(new TextEncoder().encode(value)),
};
