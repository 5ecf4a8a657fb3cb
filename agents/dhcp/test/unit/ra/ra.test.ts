import { readFileSync } from 'node:fs';
import path from 'node:path';

import { fromHex } from '@kios/bytes';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { decodeAdvertisement, decodeUserOptions } from '../../../src/core/ra/advertisement.ts';
import {
  learnResolvers,
  NO_RESOLVERS,
  resolversAt,
  resolversEnd,
} from '../../../src/core/ra/resolvers.ts';
import { withstands } from '../../support/codec-laws.ts';

const VECTOR = fromHex(
  readFileSync(path.join(import.meta.dirname, '../../vectors/ra/dnsmasq.hex'), 'utf8'),
);
const ROUTER = 'fe80::1';
const HEADER = '8600000040c007080000000000000000';
const NO_OPTIONS = { mtu: undefined, prefixes: [], routes: [], dnsServers: [], searchLists: [] };
const servers = (lifetimeSeconds: number, ...values: string[]) => ({
  ...NO_OPTIONS,
  dnsServers: [{ values, lifetimeSeconds }],
});

describe('a router advertisement', () => {
  it('of dnsmasq is read', () => {
    expect(decodeAdvertisement(VECTOR)).toEqual({
      managed: true,
      other: true,
      lifetimeSeconds: 1800,
      mtu: 1500,
      prefixes: [
        {
          prefix: '2001:db8:77::',
          length: 64,
          onLink: true,
          autonomous: false,
          validSeconds: 3600,
          preferredSeconds: 3600,
        },
      ],
      routes: [],
      dnsServers: [{ values: ['2001:db8:77::53'], lifetimeSeconds: 3600 }],
      searchLists: [{ values: ['a.example.org', 'b.example.org'], lifetimeSeconds: 3600 }],
    });
  });

  it('keeps the whole name servers of an option whose length fits no number of them', () => {
    const option = '1904000000000e1020010db800770000000000000000005320010db800770000';
    expect(decodeUserOptions(fromHex(option))).toEqual(servers(3600, '2001:db8:77::53'));
  });

  it.each([
    ['1802401800000e1020010db800ff0000', '2001:db8:ff::', 64, 'low'],
    ['1802300800000e1020010db800ff0000', '2001:db8:ff::', 48, 'high'],
    ['1801000000000e10', '::', 0, 'medium'],
  ])('has the route %s', (option, prefix, length, preference) => {
    const { routes } = decodeUserOptions(fromHex(option));
    expect(routes).toEqual([{ prefix, length, preference, lifetimeSeconds: 3600 }]);
  });

  it.each([
    ['a route longer than its bytes', '1801400000000e10'],
    ['a route of prefix length 129', `1803810000000e10${'00'.repeat(16)}`],
    ['a route of the reserved preference', '1801001000000e10'],
    ['servers cut off', '1902000000000e10fd00000000000000'],
    ['no server', '1901000000000e10'],
    ['no domain', '1f02000000000e100000000000000000'],
    ['a domain that is no name', '1f02000000000e1003612f620000 0000'],
    ['a captive portal', '2501000000000000'],
  ])('leaves out %s', (_name, option) => {
    expect(decodeUserOptions(fromHex(option))).toEqual(NO_OPTIONS);
  });

  it.each([
    ['a solicitation', `85${HEADER.slice(2)}`, 'type 133'],
    ['another code', '8601', 'code 1'],
    ['a header cut off', HEADER.slice(0, 20), 'have'],
    ['an option without length', `${HEADER}0500000000000000`, 'no length'],
    ['an option past the end', `${HEADER}0502000000000000`, 'need 14 bytes'],
    ['65 options', HEADER + '0e01000000000000'.repeat(65), 'too many'],
  ])('is not %s', (_name, hex, why) => {
    expect(() => decodeAdvertisement(fromHex(hex))).toThrow(why);
  });

  it('of any bytes gives a value or a DecodeError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const whole = Uint8Array.of(...fromHex(HEADER), ...bytes);
        expect(withstands(decodeAdvertisement, whole)).toBe(true);
        expect(withstands(decodeUserOptions, bytes)).toBe(true);
      }),
    );
  });
});

describe('name servers of routers', () => {
  const known = learnResolvers(NO_RESOLVERS, ROUTER, servers(60, '2001:db8::1', '2001:db8::2'), 0);

  it('count for their lifetime', () => {
    expect(resolversEnd(known)).toBe(60_000);
    expect(resolversAt(known, 'eth0', 59_999).dns).toEqual(['2001:db8::1', '2001:db8::2']);
    expect(resolversAt(known, 'eth0', 60_000).dns).toEqual([]);
  });

  it('are withdrawn by their router alone', () => {
    const withdrawn = servers(0, '2001:db8::1');
    expect(resolversAt(learnResolvers(known, ROUTER, withdrawn, 10), 'eth0', 10).dns).toEqual([
      '2001:db8::2',
    ]);
    expect(
      resolversAt(learnResolvers(known, 'fe80::2', withdrawn, 10), 'eth0', 10).dns,
    ).toHaveLength(2);
  });

  it('keep their order when they are announced again', () => {
    const again = servers(120, '2001:db8::2', '2001:db8::1');
    const next = learnResolvers(known, ROUTER, again, 10_000);
    expect(resolversAt(next, 'eth0', 100_000).dns).toEqual(['2001:db8::1', '2001:db8::2']);
  });

  it('without an end never run out', () => {
    const forever = learnResolvers(NO_RESOLVERS, ROUTER, servers(0xffff_ffff, '2001:db8::1'), 0);
    expect(resolversEnd(forever)).toBeUndefined();
    expect(resolversAt(forever, 'eth0', 1e15).dns).toEqual(['2001:db8::1']);
  });

  it('are sixteen at most, and those that no resolver could use are left out', () => {
    const many = Array.from({ length: 100 }, (_, at) => `2001:db8::${at + 1}`);
    const next = learnResolvers(NO_RESOLVERS, ROUTER, servers(60, ...many, 'fe80::9'), 0);
    expect(resolversAt(next, 'eth0', 0).dns).toHaveLength(16);
    const bad = servers(60, 'ff02::1', '::', '::1');
    expect(resolversAt(learnResolvers(NO_RESOLVERS, ROUTER, bad, 0), 'eth0', 0).dns).toEqual([]);
  });

  it('have their link beside them where they are link-local', () => {
    const known = learnResolvers(NO_RESOLVERS, ROUTER, servers(60, 'fe80::9'), 0);
    expect(resolversAt(known, 'eth0', 0).dns).toEqual(['fe80::9%eth0']);
  });
});
