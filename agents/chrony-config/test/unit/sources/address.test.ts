import { describe, expect, it } from 'vitest';

import { canonicalIp, isHostname } from '../../../src/core/sources/address.ts';

describe('canonicalIp', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['2001:DB8:0::1', '2001:db8::1'],
    ['::ffff:192.0.2.1', '::ffff:c000:201'],
    ['192.0.2.01', undefined],
    ['192.0.2', undefined],
    ['192.0.2.1.', undefined],
    ['192.0.2.256', undefined],
    ['0x7f.1', undefined],
    ['fe80::1%eth0', undefined],
    [':::', undefined],
    ['1::2::3', undefined],
    ['', undefined],
    ['a', undefined],
  ])('turns %j into %j', (text, ip) => expect(canonicalIp(text)).toBe(ip));
});

describe('isHostname', () => {
  it.each(['pool.ntp.org', 'a', 'a-b.c.', '0.pool.ntp.org'])('accepts %j', (text) => {
    expect(isHostname(text)).toBe(true);
  });
  it.each(['', '.', 'a..b', '-a', 'a-', 'a b', 'a\n', '1.2.3', 'ü', 'x'.repeat(64), '#'])(
    'refuses %j',
    (text) => {
      expect(isHostname(text)).toBe(false);
    },
  );
});
