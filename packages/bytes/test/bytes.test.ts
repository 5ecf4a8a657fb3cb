import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  ByteReader,
  ByteWriter,
  DecodeError,
  formatIpv4,
  fromHex,
  parseIpv4,
  toHex,
} from '../src/index.ts';

describe('reader and writer', () => {
  it('return the values written, in both byte orders', () => {
    const bytes = new ByteWriter(1)
      .u8(1)
      .u16(0x0203)
      .u32(0x04050607)
      .u16le(0x0809)
      .u32le(0xff0b0c0d);
    expect(toHex(bytes.finish())).toBe('0102030405060709080d0c0bff');
    const reader = new ByteReader(bytes.finish());
    expect([reader.u8(), reader.u16(), reader.u32(), reader.u16le(), reader.u32le()]).toEqual([
      1, 0x0203, 0x04050607, 0x0809, 0xff0b0c0d,
    ]);
    reader.expectEnd();
  });

  it('fail on reading past the end and on bytes left over', () => {
    const reader = new ByteReader(new Uint8Array(3));
    expect(() => reader.u32()).toThrow(DecodeError);
    expect(reader.u16()).toBe(0);
    expect(() => reader.expectEnd()).toThrow('1 are left over');
  });

  it('read inside a larger buffer', () => {
    const reader = new ByteReader(new Uint8Array([9, 9, 1, 2]).subarray(2));
    expect(reader.u16()).toBe(0x0102);
    expect(() => reader.u8()).toThrow(DecodeError);
  });

  it('pad and patch', () => {
    expect(toHex(new ByteWriter().u16(0).u8(7).setU16(0, 0xabcd).padTo(5).padTo(2).finish())).toBe(
      'abcd070000',
    );
  });
});

describe('hex', () => {
  it('round-trips any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(fromHex(toHex(bytes, ':'))).toEqual(new Uint8Array(bytes));
      }),
    );
  });

  it.each(['0', 'zz', '0 0 1'])('rejects %j', (text) => {
    expect(() => fromHex(text)).toThrow(DecodeError);
  });
});

describe('IPv4 addresses', () => {
  it('round-trip', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), (bytes) => {
        expect(parseIpv4(formatIpv4(bytes))).toEqual(new Uint8Array(bytes));
      }),
    );
  });

  it.each(['1.2.3', '1.2.3.4.5', '256.1.1.1', '01.2.3.4', '1.2.3.x', ''])('reject %j', (text) => {
    expect(() => parseIpv4(text)).toThrow(DecodeError);
  });
});
