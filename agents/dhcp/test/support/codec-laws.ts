import { DecodeError } from '@kios/bytes';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import { type Codec, decodeWith, encodeWith } from '../../src/core/wire/codec.ts';

/** The laws of every codec: values survive the round trip, and any bytes give a value or a DecodeError. */
export function codecLaws<T>(codec: Codec<T>, values: fc.Arbitrary<T>): void {
  it('decodes what it encoded', () => {
    fc.assert(
      fc.property(values, (value) => {
        expect(decodeWith(codec, encodeWith(codec, value))).toEqual(value);
      }),
    );
  });

  it('turns any bytes into a value or a DecodeError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(withstands((input) => decodeWith(codec, input), bytes)).toBe(true);
      }),
    );
  });
}

/** Whether decoding ends in a value or a DecodeError. */
export function withstands(decode: (bytes: Uint8Array) => unknown, bytes: Uint8Array): boolean {
  try {
    decode(bytes);
  } catch (error) {
    return error instanceof DecodeError;
  }
  return true;
}

export const anyAddress = fc
  .uint8Array({ minLength: 4, maxLength: 4 })
  .map((bytes) => Array.from(bytes).join('.'));
