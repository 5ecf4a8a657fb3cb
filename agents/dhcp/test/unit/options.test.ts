import { DecodeError, fromHex } from '@kios/bytes';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { classlessRoutes } from '../../src/core/wire/classless-routes.ts';
import {
  address,
  decodeWith,
  duration,
  encodeWith,
  listOf,
  text,
} from '../../src/core/wire/codec.ts';
import { domainList } from '../../src/core/wire/domain-list.ts';
import { OPTIONS, OptionSet } from '../../src/core/wire/options.ts';
import { anyAddress, codecLaws } from '../support/codec-laws.ts';

const anyLabel = fc.stringMatching(/^[a-z0-9]{1,10}$/);
const anyName = fc
  .array(anyLabel, { minLength: 1, maxLength: 4 })
  .map((labels) => labels.join('.'));

describe('duration', () => {
  codecLaws(duration, fc.integer({ min: 0, max: 0xffff_ffff }));

  it('reads infinity as a large number', () => {
    expect(decodeWith(duration, fromHex('ffffffff'))).toBe(0xffff_ffff);
  });
});

describe('address lists', () => {
  codecLaws(listOf(address), fc.array(anyAddress, { minLength: 1, maxLength: 60 }));

  it.each(['', '0a0000'])('refuse %j', (hex) => {
    expect(() => decodeWith(listOf(address), fromHex(hex))).toThrow('need');
  });

  it.each(['0a00000101', '0a000001010203'])('leave out a tail: %s', (hex) => {
    expect(decodeWith(listOf(address), fromHex(hex))).toEqual(['10.0.0.1']);
  });
});

describe('text', () => {
  it('loses the trailing NULs that some servers include', () => {
    expect(decodeWith(text, fromHex('6e6f64650000'))).toBe('node');
  });

  it.each(['6e0a6f', '1b5b324a'])('with control characters is refused: %s', (hex) => {
    expect(() => decodeWith(text, fromHex(hex))).toThrow('control character');
  });
});

describe('classless routes', () => {
  const anyRoute = fc
    .tuple(fc.integer({ min: 0, max: 32 }), fc.integer({ min: 0, max: 0xffff_ffff }), anyAddress)
    .map(([prefix, bits, via]) => {
      const network = prefix === 0 ? 0 : (bits & (~0 << (32 - prefix))) >>> 0;
      const octets = [24, 16, 8, 0].map((shift) => (network >>> shift) & 0xff).join('.');
      return { dst: `${octets}/${prefix}`, via: via === '0.0.0.0' ? null : via };
    });
  codecLaws(classlessRoutes, fc.array(anyRoute, { minLength: 1, maxLength: 10 }));

  it.each([
    ['00 0a000001', [{ dst: '0.0.0.0/0', via: '10.0.0.1' }]],
    ['18 0a1102 00000000', [{ dst: '10.17.2.0/24', via: null }]],
    // Some servers send bits beyond the prefix, which the kernel would refuse.
    ['0c ac1f 0a000001', [{ dst: '172.16.0.0/12', via: '10.0.0.1' }]],
  ])('%s', (hex, routes) => {
    expect(decodeWith(classlessRoutes, fromHex(hex))).toEqual(routes);
  });

  it.each([
    ['a prefix length of 33', '18 0a1102 0a000001 21 0a0000000a 0a000001'],
    ['a route without its router', '18 0a1102 0a000001 10 0a02'],
    ['a prefix length alone', '18 0a1102 0a000001 18'],
  ])('keep what precedes %s', (_name, hex) => {
    const routes = [{ dst: '10.17.2.0/24', via: '10.0.0.1' }];
    expect(decodeWith(classlessRoutes, fromHex(hex))).toEqual(routes);
  });

  it.each(['', '21 0a00000001 0a000001', '18 0a11', '18'])('refuse %s', (hex) => {
    expect(() => decodeWith(classlessRoutes, fromHex(hex))).toThrow(DecodeError);
  });
});

describe('domain lists', () => {
  codecLaws(domainList, fc.array(anyName, { minLength: 1, maxLength: 8 }));

  it('follow compression pointers', () => {
    // RFC 3397 §2: eng.apple.com. and marketing.apple.com. share their end.
    const hex = '03656e67 056170706c65 03636f6d 00 096d61726b6574696e67 c004';
    expect(decodeWith(domainList, fromHex(hex))).toEqual(['eng.apple.com', 'marketing.apple.com']);
  });

  it.each([
    ['a pointer to itself', 'c000'],
    ['a pointer past the end', '0161c0ff'],
    ['a label past the end', '3f61'],
    ['a space in a label', '03612062 00'],
    ['an empty name', '00'],
    ['a name without end', '0161'],
  ])('refuse %s', (_name, hex) => {
    expect(() => decodeWith(domainList, fromHex(hex))).toThrow('decode domain list');
  });
});

describe('an option set', () => {
  it('treats a malformed option as absent and leaves the others', () => {
    const set = new OptionSet([
      [OPTIONS.leaseTime.code, fromHex('00ff')],
      [OPTIONS.serverId.code, encodeWith(address, '10.0.0.1')],
    ]);
    expect(set.get(OPTIONS.leaseTime)).toBeUndefined();
    expect(set.get(OPTIONS.serverId)).toBe('10.0.0.1');
  });

  it('declares each code once', () => {
    const codes = Object.values(OPTIONS).map(({ code }) => code);
    expect(new Set(codes).size).toBe(codes.length);
  });
});
