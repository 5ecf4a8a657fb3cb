import { describe, expect, it } from 'vitest';

import { announcedAddress, routedAddress } from '../../src/core/node/ipv6.ts';
import { chooseNodeIp } from '../../src/core/node/node-ip.ts';

const PUBLIC = '20010db800000000505400fffe123456';
const SITE = 'fd00000000000000505400fffe123456';
const LINK = 'fe80000000000000505400fffe123456';
const NONE = '0'.repeat(32);

const address = (
  hex: string,
  options: { scope?: string; flags?: string; link?: string; length?: string } = {},
) =>
  `${hex} 02 ${options.length ?? '40'} ${options.scope ?? '00'} ${options.flags ?? '00'}     ${options.link ?? 'eth0'}\n`;
const route = (link: string, metric = '00000400', flags = '00000003', to = `${NONE} 00`) =>
  `${to} ${NONE} 00 ${LINK} ${metric} 00000001 00000000 ${flags}     ${link}\n`;
const ETH0 = route('eth0');

describe('the address a router gave', () => {
  it.each([
    ['is the public one', address(PUBLIC), ETH0, '2001:db8::5054:ff:fe12:3456'],
    ['is one of the site if there is no other', address(SITE), ETH0, 'fd00::5054:ff:fe12:3456'],
    ['is public first', address(SITE) + address(PUBLIC), ETH0, '2001:db8::5054:ff:fe12:3456'],
    ['is not link-local', address(LINK, { scope: '20' }), ETH0, undefined],
    ['is not of the old site-local kind', address('fec0' + NONE.slice(4), { scope: '40' }), ETH0, undefined],
    ['is not temporary', address(PUBLIC, { flags: '01' }), ETH0, undefined],
    ['is not a duplicate', address(PUBLIC, { flags: '08' }), ETH0, undefined],
    ['is not deprecated', address(PUBLIC, { flags: '20' }), ETH0, undefined],
    ['is not tentative', address(PUBLIC, { flags: '40' }), ETH0, undefined],
    ['is absent without a default route', address(PUBLIC), '', undefined],
    ['is not of an unreachable route', address(PUBLIC, { link: 'lo' }), route('lo', 'ffffffff', '00200200'), undefined],
    ['is not of a route to one network', address(PUBLIC), route('eth0', '00000100', '00000003', `${SITE} 40`), undefined],
    ['is not of a link without the route', address(PUBLIC, { link: 'eth1' }), ETH0, undefined],
    ['is absent without IPv6', '', '', undefined],
  ])('%s', (_what, addresses, routes, expected) => {
    expect(routedAddress({ addresses, routes })?.address).toBe(expected);
  }); // prettier-ignore

  it('is that of the preferred route', () => {
    const both = address(SITE) + address(PUBLIC, { link: 'eth1' });
    const routes = route('eth0', '00000400') + route('eth1', '00000064');
    expect(routedAddress({ addresses: both, routes })).toEqual({
      link: 'eth1',
      address: '2001:db8::5054:ff:fe12:3456',
    });
  });
});

describe('an address without a default route', () => {
  const PREFIX = '20010db8000000000000000000000000 40';
  it.each([
    ['is that of a link with an announced prefix', route('eth0', '00000100', '000c0001', PREFIX), '2001:db8::5054:ff:fe12:3456'],
    ['is not of a bridge for pods', route('eth0', '00000100', '00000001', PREFIX), undefined],
    ['is not taken for the default route’s', route('eth0', '00000400', '00450003'), undefined],
  ])('%s', (_what, routes, expected) => {
    expect(announcedAddress({ addresses: address(PUBLIC), routes })?.address).toBe(expected);
  }); // prettier-ignore
});

describe('several addresses of a link', () => {
  const SERVER = '20010db8000000000000000000001000';
  const LOWER = '20010db8000000000000000000000001';
  const server = address(SERVER, { length: '80' });

  it('are used as that of the DHCPv6 server, which may be reserved for the machine', () => {
    const all = address(PUBLIC) + address(LOWER) + server;
    expect(routedAddress({ addresses: all, routes: ETH0 })?.address).toBe('2001:db8::1000');
  });

  it('do not take the place of the one in use', () => {
    const all = address(PUBLIC) + address(LOWER) + server;
    const kept = ['192.0.2.1', '2001:db8::5054:ff:fe12:3456'];
    expect(routedAddress({ addresses: all, routes: ETH0 }, kept)?.address).toBe(
      '2001:db8::5054:ff:fe12:3456',
    );
  });

  it('take its place when it is gone, deprecated or of the site alone', () => {
    const kept = ['2001:db8::5054:ff:fe12:3456', 'fd00::5054:ff:fe12:3456'];
    const deprecated = address(PUBLIC, { flags: '20' });
    expect(routedAddress({ addresses: server, routes: ETH0 }, kept)?.address).toBe(
      '2001:db8::1000',
    );
    expect(routedAddress({ addresses: deprecated + server, routes: ETH0 }, kept)?.address).toBe(
      '2001:db8::1000',
    );
    expect(routedAddress({ addresses: address(SITE) + server, routes: ETH0 }, kept)?.address).toBe(
      '2001:db8::1000',
    );
  });
});

describe('the node’s address', () => {
  const [V4, V6] = ['10.0.2.15', '2001:db8::15'];

  it.each([
    { name: 'IPv4 only', addresses: [V4], expected: V4 },
    { name: 'IPv6 only', addresses: [V6], expected: V6 },
    { name: 'both, IPv4 first', addresses: [V6, V4], expected: `${V4},${V6}` },
    { name: 'none', addresses: [], expected: undefined },
    { name: 'the one in the document', wanted: '192.0.2.1', addresses: [V4], expected: '192.0.2.1' },
    { name: 'auto means no wish', wanted: 'auto', addresses: [V4], expected: V4 },
    { name: 'the former one, before the first lease', addresses: [], before: V4, expected: V4 },
    { name: 'both, before the first lease', addresses: [V6], before: `${V4},${V6}`, expected: `${V4},${V6}` },
    { name: 'both, before the router speaks', addresses: [V4], before: `${V4},${V6}`, isSettling: true, expected: `${V4},${V6}` },
    { name: 'IPv4 when the router is gone', addresses: [V4], before: `${V4},${V6}`, expected: V4 },
    { name: 'another prefix', addresses: [V4, '2001:db8:1::15'], before: `${V4},${V6}`, expected: `${V4},2001:db8:1::15` },
    { name: 'IPv6 that came later', addresses: [V4, V6], before: V4, expected: `${V4},${V6}` },
    { name: 'IPv6 first, where the API server has an address of it', endpoint: 'https://[2001:db8::1]:6443', addresses: [V4, V6], expected: `${V6},${V4}` },
    { name: 'IPv4 first, where the API server has an address of that', endpoint: 'https://10.0.2.2:6443', addresses: [V4, V6], before: `${V6},${V4}`, expected: `${V4},${V6}` },
    { name: 'IPv4 alone, where only the API server has IPv6', endpoint: 'https://[2001:db8::1]:6443', addresses: [V4], expected: V4 },
    { name: 'in the order before, when the document has lost its cluster', endpoint: null, addresses: [V4, V6], before: `${V6},${V4}`, expected: `${V6},${V4}` },
  ])('$name', ({ wanted, addresses, before, endpoint = 'https://a.example:6443', isSettling = false, expected }) => {
    const input = { wanted, addresses, before, endpoint: endpoint ?? undefined, isSettling };
    expect(chooseNodeIp(input)).toBe(expected);
  }); // prettier-ignore
});
