import { type ByteReader, type ByteWriter, DecodeError } from '@kios/bytes';

import { type Codec, decodeWith, encodeWith } from '../../wire/codec.ts';
import { writeOption } from './codec.ts';

export interface Option<T> {
  readonly code: number;
  readonly codec: Codec<T>;
}

export type RawOption = readonly [code: number, value: Uint8Array];

/** Bytes of an option's code and length. */
const HEADER = 4;
/** More options than any server has reason to send; a packet has room for 16 000. */
const MOST_OPTIONS = 256;

/** Options in the order of the wire, kept as bytes and read as values. Codes may repeat. */
export class OptionList {
  readonly raw: readonly RawOption[];

  constructor(entries: Iterable<RawOption>) {
    this.raw = [...entries];
  }

  /** The first value. Undefined when it is absent or malformed. */
  get<T>(option: Option<T>): T | undefined {
    const found = this.raw.find(([code]) => code === option.code);
    return found === undefined ? undefined : valueOf(option, found[1]);
  }

  /** All well-formed values. */
  all<T>(option: Option<T>): readonly T[] {
    return this.raw.flatMap(([code, bytes]) => {
      const value = code === option.code ? valueOf(option, bytes) : undefined;
      return value === undefined ? [] : [value];
    });
  }
}

function valueOf<T>(option: Option<T>, bytes: Uint8Array): T | undefined {
  try {
    return decodeWith(option.codec, bytes);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

/** One option for `new OptionList([…])`. */
export function entry6<T>(option: Option<T>, value: T): RawOption {
  return [option.code, encodeWith(option.codec, value)];
}

/** Reads options to the end. Fewer bytes there than a code and a length have are none. */
export function readOptions(reader: ByteReader): OptionList {
  const options: RawOption[] = [];
  while (reader.remaining >= HEADER) {
    if (options.length === MOST_OPTIONS) throw new DecodeError('decode options: too many');
    const code = reader.u16();
    options.push([code, reader.bytes(reader.u16())]);
  }
  reader.rest();
  return new OptionList(options);
}

export function writeOptions(writer: ByteWriter, options: OptionList): void {
  for (const [code, value] of options.raw) writeOption(writer, code, value);
}
