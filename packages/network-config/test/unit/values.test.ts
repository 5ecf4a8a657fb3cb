import { isIP } from 'node:net';

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { formatIp, parseCidr, parseIp, prefixOfMask } from '../../src/values/ip.ts';
import { nameFault, nearest } from '../../src/values/names.ts';

describe('addresses', () => {
  it('are read as the system reads them', () => {
    const text = fc.oneof(
      fc.ipV4(),
      fc.ipV6(),
      fc.stringMatching(/^[0-9a-f:.]{1,24}$/),
      fc.string({ maxLength: 12 }),
    );
    fc.assert(
      fc.property(text, (written) => {
        expect(parseIp(written)?.family ?? 0).toBe(written.includes('%') ? 0 : isIP(written));
      }),
      { numRuns: 2000 },
    );
  });

  it('have one form, which reads as the same address', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (written) => {
        const ip = parseIp(written);
        if (ip === undefined) throw new Error(written);
        expect(parseIp(formatIp(ip))).toEqual(ip);
      }),
    );
  });

  it.each([
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['0:0:1:0:0:0:0:0', '0:0:1::'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
    ['::ffff:192.0.2.1', '::ffff:c000:201'],
    ['::', '::'],
  ])('%s is %s', (written, form) => {
    const ip = parseIp(written);
    expect(ip && formatIp(ip)).toBe(form);
  });

  it.each(['10.0.0.1/33', '::1/129', '10.0.0.1', '10.0.0.1/8/8', '10.0.0.1/-1', '1.2.3/8'])(
    '%s has no length that fits',
    (written) => expect(parseCidr(written)).toBeUndefined(),
  );

  it.each([
    ['255.255.240.0', 20],
    ['0.0.0.0', 0],
    ['255.255.255.255', 32],
    ['ffff:ffff::', 32],
    ['255.0.255.0', undefined],
    ['mask', undefined],
  ])('the mask %s has %s bits', (mask, bits) => expect(prefixOfMask(mask)).toBe(bits));
});

describe('names', () => {
  it.each(['eth0', 'enp3s0', 'bond0.100', 'a-name-of-15-by', 'größe'])('%s is one', (name) =>
    expect(nameFault(name)).toBeUndefined(),
  );

  it.each([
    '',
    '.',
    '..',
    'a/b',
    'a b',
    'a:b',
    'all',
    'default',
    'sixteen-bytes-xx',
    'en*',
    'a%d',
    'größegrößegrö',
  ])('"%s" is none', (name) => expect(nameFault(name)).toBeDefined());

  it('the nearest one is what was meant, and none if nothing is near', () => {
    const known = ['dhcp4', 'addresses', 'set-name', 'gateway4'];
    expect(nearest('dhpc4', known)).toBe('dhcp4');
    expect(nearest('set_name', known)).toBe('set-name');
    expect(nearest('Adresses', known)).toBe('addresses');
    expect(nearest('x', known)).toBeUndefined();
    expect(nearest('a'.repeat(10_000), known)).toBeUndefined();
  });
});
