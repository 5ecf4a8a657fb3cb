import { describe, expect, it } from 'vitest';

import { formatIpv6, parseIpv6, toHex } from '../src/index.ts';

describe('an IPv6 address', () => {
  it.each([
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0db8::0001', '2001:db8::1'],
    ['::ffff:192.0.2.1', '::ffff:c000:201'],
    ['fe80:0:0:0:0:0:0:1', 'fe80::1'],
  ])('%s has the canonical form %s', (text, canonical) => {
    expect(formatIpv6(parseIpv6(text))).toBe(canonical);
    expect(toHex(parseIpv6(canonical))).toBe(toHex(parseIpv6(text)));
  });

  it.each([
    '',
    ':',
    ':::',
    '1',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4::5:6:7:8',
    '1::2::3',
    '12345::',
    'g::',
    '::1%eth0',
    '::1/64',
    '192.0.2.1::',
    ' ::1',
    ':1:2:3:4:5:6:7',
  ])('is not %j', (text) => {
    expect(() => parseIpv6(text)).toThrow('parse IPv');
  });

  it('has sixteen bytes', () => {
    expect(() => formatIpv6(new Uint8Array(15))).toThrow('it has 15 bytes');
  });
});
