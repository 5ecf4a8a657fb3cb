import { ByteReader, DecodeError } from '@kios/bytes';

/** One value of ASN.1 in DER form (X.690). */
export interface Der {
  readonly tag: number;
  readonly content: Uint8Array;
  /** With its tag and length. */
  readonly whole: Uint8Array;
}

export const TAG = {
  octets: 0x04,
  oid: 0x06,
  sequence: 0x30,
  set: 0x31,
  /** The first of the fields that are known by their number. */
  field: 0xa0,
} as const;

/** No signature needs longer ones. */
const LENGTH_BYTES = 3;

function readLength(reader: ByteReader): number {
  const first = reader.u8();
  if (first < 0x80) return first;
  const count = first & 0x7f;
  if (count === 0 || count > LENGTH_BYTES) throw new DecodeError('decode DER: a length is wrong');
  return reader.bytes(count).reduce((value, byte) => value * 256 + byte, 0);
}

function readValue(bytes: Uint8Array, reader: ByteReader): Der {
  const start = reader.offset;
  const tag = reader.u8();
  const content = reader.bytes(readLength(reader));
  return { tag, content, whole: bytes.slice(start, reader.offset) };
}

/** Returns the first value in these bytes, whatever follows it. */
export const firstIn = (bytes: Uint8Array): Der => readValue(bytes, new ByteReader(bytes));

/** Returns the values that these bytes consist of. */
export function valuesIn(bytes: Uint8Array): Der[] {
  const values: Der[] = [];
  const reader = new ByteReader(bytes);
  while (reader.remaining > 0) values.push(readValue(bytes, reader));
  return values;
}

/** Returns a value, which must be there and have this tag. */
export function expectTag(value: Der | undefined, tag: number): Der {
  if (value?.tag === tag) return value;
  throw new DecodeError(`decode DER: no value with tag ${tag} where one belongs`);
}

/** Returns what the value with this tag consists of. */
export const inside = (value: Der | undefined, tag: number): Der[] =>
  valuesIn(expectTag(value, tag).content);
