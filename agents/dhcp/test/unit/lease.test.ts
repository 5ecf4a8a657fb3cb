import { describe, expect, it } from 'vitest';

import { INFINITE, type Lease, readLease } from '../../src/core/lease/lease.ts';
import { isHostAddress, prefixOfMask } from '../../src/core/lease/network.ts';
import { formatResolvConf } from '../../src/core/lease/resolver.ts';
import type { LeaseRoute } from '../../src/core/wire/classless-routes.ts';
import type { DhcpMessage } from '../../src/core/wire/message.ts';
import { entry, OPTIONS, TYPE } from '../../src/core/wire/options.ts';
import { ADDRESS, GRANT, message, SERVER } from '../support/fixtures.ts';

type Entry = (typeof GRANT)[number];

/** GRANT with options replaced or added. */
function ack(options: readonly Entry[] = [], fields: Partial<DhcpMessage> = {}): DhcpMessage {
  const codes = new Set(options.map(([code]) => code));
  return message(TYPE.ack, [...GRANT.filter(([code]) => !codes.has(code)), ...options], fields);
}

function granted(options: readonly Entry[] = [], fields: Partial<DhcpMessage> = {}): Lease {
  const result = readLease(ack(options, fields), SERVER, 60);
  if ('refused' in result) throw new Error(result.refused);
  return result.lease;
}

function refusal(options: readonly Entry[], fields: Partial<DhcpMessage> = {}): string {
  const result = readLease(ack(options, fields), SERVER, 60);
  return 'refused' in result ? result.refused : 'granted';
}

const without = (code: number): DhcpMessage =>
  message(
    TYPE.ack,
    GRANT.filter(([each]) => each !== code),
  );

describe('a lease', () => {
  it('of an ordinary server is read', () => {
    expect(granted()).toMatchObject({
      address: ADDRESS,
      prefix: 24,
      maskGuessed: false,
      broadcast: '10.0.0.255',
      server: SERVER,
      leaseSeconds: 3600,
      t1Seconds: 1800,
      t2Seconds: 3150,
      gateways: [SERVER],
      routes: [{ dst: '0.0.0.0/0', via: SERVER }],
      raw: { '51': '00000e10' },
    });
  });

  it.each([
    ['a mask with holes', [entry(OPTIONS.subnetMask, '255.0.255.0')], {}, 'not contiguous'],
    ['a lease time of zero', [entry(OPTIONS.leaseTime, 0)], {}, 'no lease time'],
    ['loopback', [], { yiaddr: '127.0.0.1' }, 'not a host address'],
    ['zero', [], { yiaddr: '0.0.0.0' }, 'not a host address'],
    ['multicast', [], { yiaddr: '239.1.1.1' }, 'not a host address'],
    ['the broadcast address', [], { yiaddr: '10.0.0.255' }, 'not a host address'],
    ['the network address', [], { yiaddr: '10.0.0.0' }, 'not a host address'],
  ])('is refused for %s', (_name, options, fields, why) => {
    expect(refusal(options, fields)).toContain(why);
  });

  it.each([
    ['T2 beyond the lease', { t1: 60, t2: 4000 }, { t1: 60, t2: 3150 }],
    ['zeros', { t1: 0, t2: 0 }, { t1: 1800, t2: 3150 }],
    ['T1 beyond the lease, T2 within it', { t1: 5000, t2: 10 }, { t1: 1800, t2: 3150 }],
    ['T1 after T2', { t1: 200, t2: 100 }, { t1: 1800, t2: 3150 }],
  ])('repairs times that do not fit: %s', (_name, sent, used) => {
    const options = [entry(OPTIONS.renewalTime, sent.t1), entry(OPTIONS.rebindingTime, sent.t2)];
    const { t1Seconds, t2Seconds } = granted(options);
    expect({ t1: t1Seconds, t2: t2Seconds }).toEqual(used);
  });

  it('has no timers when it is infinite', () => {
    const { leaseSeconds, t1Seconds } = granted([entry(OPTIONS.leaseTime, INFINITE)]);
    expect([leaseSeconds, t1Seconds]).toEqual([INFINITE, INFINITE]);
  });

  it('takes the mask of the class when none is sent', () => {
    const result = readLease(without(OPTIONS.subnetMask.code), SERVER, 60);
    expect(result).toMatchObject({ lease: { prefix: 8 } });
  });

  it.each([
    [{ siaddr: '10.0.0.9' }, SERVER, SERVER],
    [{}, '10.0.0.8', '10.0.0.8'],
    [{}, '0.0.0.0', undefined],
    [{ giaddr: '10.0.0.7' }, '10.0.0.7', undefined],
  ])('finds a server that does not say who it is: %j from %s', (fields, source, server) => {
    const anonymous = { ...without(OPTIONS.serverId.code), ...fields };
    expect(readLease(anonymous, source, 60)).toMatchObject({ lease: { server } });
  });

  it('prefers classless routes to routers', () => {
    const routes = [{ dst: '10.1.0.0/16', via: '10.0.0.2' }];
    const lease = granted([entry(OPTIONS.classlessRoutes, routes)]);
    expect(lease).toMatchObject({ routes, gateways: [] });
  });

  it('falls back to routers when classless routes are malformed', () => {
    const lease = granted([[121, Uint8Array.of(33, 1, 2)]]);
    expect(lease.gateways).toEqual([SERVER]);
  });

  it('ignores a gateway that is the address itself', () => {
    expect(granted([entry(OPTIONS.routers, [ADDRESS])]).routes).toEqual([]);
  });

  it.each([
    [575, undefined],
    [576, 576],
    [9001, 9001],
  ])('takes an MTU of %i as %s', (sent, mtu) => {
    expect(granted([entry(OPTIONS.mtu, sent)]).mtu).toBe(mtu);
  });

  it('adds the domains of option 15 to the search list, each once', () => {
    const lease = granted([
      entry(OPTIONS.searchList, ['a.example', 'b.example']),
      entry(OPTIONS.domainName, 'b.example c.example bad_;name'),
    ]);
    expect(lease.search).toEqual(['a.example', 'b.example', 'c.example']);
    expect(lease.domain).toBe('b.example');
  });

  it('ignores name servers that are not host addresses', () => {
    const lease = granted([entry(OPTIONS.nameServers, ['0.0.0.0', '10.0.0.3', '10.0.0.3'])]);
    expect(lease.dns).toEqual(['10.0.0.3']);
  });
});

describe('network arithmetic', () => {
  it.each([
    ['255.255.255.255', 32],
    ['255.255.255.0', 24],
    ['0.0.0.0', 0],
    ['255.255.255.1', undefined],
  ])('mask %s is /%s', (mask, prefix) => {
    expect(prefixOfMask(mask)).toBe(prefix);
  });

  it.each([
    ['169.254.1.1', 32, true],
    ['10.0.0.0', 31, true],
    ['10.0.0.0', 24, false],
    ['255.255.255.255', 32, false],
  ])('%s/%i is a host: %s', (address, prefix, expected) => {
    expect(isHostAddress(address, prefix)).toBe(expected);
  });
});

describe('resolv.conf', () => {
  const eth0 = { link: 'eth0', dns: ['10.0.0.1', '10.0.0.2'], search: ['a.example'] };
  const eth1 = { link: 'eth1', dns: ['10.0.0.2', '10.1.0.1', '10.1.0.2'], search: ['b.example'] };

  it('merges links in order, with each server once and three at most', () => {
    expect(formatResolvConf([eth0, eth1])).toBe(
      '# kios-dhcp eth0 eth1\nnameserver 10.0.0.1\nnameserver 10.0.0.2\nnameserver 10.1.0.1\nsearch a.example b.example\n',
    );
  });

  it('is left alone when no server is known', () => {
    expect(formatResolvConf([{ link: 'eth0', dns: [], search: ['a.example'] }])).toBeUndefined();
  });

  it('names a link once, whatever its servers come from', () => {
    const routers = { link: 'eth0', dns: ['2001:db8::53'], search: ['b.example'] };
    const text = formatResolvConf([{ link: 'eth0', dns: ['10.0.0.1'], search: [] }, routers]);
    expect(text).toBe(
      '# kios-dhcp eth0\nnameserver 10.0.0.1\nnameserver 2001:db8::53\nsearch b.example\n',
    );
  });

  it('has servers that need their link only where there is no other', () => {
    const local = { link: 'eth0', dns: ['fe80::1%eth0'], search: [] };
    expect(formatResolvConf([local])).toBe('# kios-dhcp eth0\nnameserver fe80::1%eth0\n');
    const other = { link: 'eth1', dns: ['2001:db8::53'], search: [] };
    expect(formatResolvConf([local, other])).toBe(
      '# kios-dhcp eth0 eth1\nnameserver 2001:db8::53\n',
    );
  });

  it('keeps the search list within the limits of C libraries', () => {
    const long = Array.from({ length: 9 }, (_, index) => `${String(index).repeat(60)}.example`);
    const text = formatResolvConf([{ ...eth0, search: long }]) ?? '';
    const search = text.split('\n').find((line) => line.startsWith('search '));
    expect(search?.split(' ')).toHaveLength(4);
  });
});

const many = (count: number): string[] =>
  Array.from({ length: count }, (_, at) => `10.0.${at >> 8}.${1 + (at & 127)}`);
const routesTo = (count: number): LeaseRoute[] =>
  Array.from({ length: count }, (_, at) => ({
    dst: `10.${at >> 8}.${at & 255}.0/24`,
    via: SERVER,
  }));

describe('the limits of a lease', () => {
  const toAll: LeaseRoute = { dst: '0.0.0.0/0', via: SERVER };

  it.each([
    ['an ordinary one', [], [3600, 1800, 3150], []],
    ['one second', [entry(OPTIONS.leaseTime, 1)], [60, 30, 52], [['lease', 1, 60]]],
    ['59 seconds', [entry(OPTIONS.leaseTime, 59)], [60, 30, 52], [['lease', 59, 60]]],
    ['60 seconds', [entry(OPTIONS.leaseTime, 60)], [60, 30, 52], []],
    ['T1 of a second', [entry(OPTIONS.renewalTime, 1)], [3600, 30, 3150], [['renewal', 1, 30]]],
    [
      'T1 and T2 of seconds',
      [entry(OPTIONS.renewalTime, 1), entry(OPTIONS.rebindingTime, 2)],
      [3600, 1800, 3150],
      [['renewal', 1, 30]],
    ],
    [
      'T1 and T2 of zero',
      [entry(OPTIONS.renewalTime, 0), entry(OPTIONS.rebindingTime, 0)],
      [3600, 1800, 3150],
      [],
    ],
    [
      'one without an end',
      [entry(OPTIONS.leaseTime, INFINITE)],
      [INFINITE, INFINITE, INFINITE],
      [],
    ],
  ] as const)('%s', (_, options, times, limits) => {
    const { leaseSeconds, t1Seconds, t2Seconds, limits: found } = granted(options);
    expect([leaseSeconds, t1Seconds, t2Seconds]).toEqual(times);
    expect(found.map(({ what, sent, used }) => [what, sent, used])).toEqual(limits);
  });

  it('a strict client takes every time as it is', () => {
    const short = ack([entry(OPTIONS.leaseTime, 2), entry(OPTIONS.renewalTime, 1)]);
    expect(readLease(short, SERVER, 0)).toMatchObject({
      lease: { leaseSeconds: 2, t1Seconds: 1, limits: [] },
    });
  });

  it('64 routes and the default route are kept, wherever it stands', () => {
    const { routes, gateways, limits } = granted([
      entry(OPTIONS.classlessRoutes, [...routesTo(1100), toAll]),
    ]);
    expect(routes).toEqual([...routesTo(64), toAll]);
    expect(gateways).toEqual([SERVER]);
    expect(limits).toEqual([{ what: 'routes', sent: 1100, used: 64 }]);
  });

  it('one route to each destination is kept, the first', () => {
    const again = routesTo(200).map(({ dst }) => ({
      dst: '10.0.0.0/24',
      via: `10.9.${dst.length}.1`,
    }));
    const { routes, limits } = granted([
      entry(OPTIONS.classlessRoutes, [
        toAll,
        ...routesTo(2),
        ...again,
        { ...toAll, via: '10.0.0.9' },
      ]),
    ]);
    expect(routes).toEqual([toAll, ...routesTo(2)]);
    expect(limits).toEqual([]);
  });

  it.each([
    ['dns', OPTIONS.nameServers, 8],
    ['ntp', OPTIONS.ntpServers, 8],
  ] as const)('of the servers for %s the first are kept', (what, option, used) => {
    const lease = granted([entry(option, many(100))]);
    expect(lease[what]).toEqual(many(used));
    expect(lease.limits).toEqual([{ what, sent: 100, used }]);
  });

  it('of a search list the first 32 names are kept', () => {
    const names = Array.from({ length: 50 }, (_, at) => `n${at}.example.org`);
    const { search, limits } = granted([entry(OPTIONS.searchList, names)]);
    expect(search).toEqual(names.slice(0, 32));
    expect(limits).toEqual([{ what: 'search', sent: 50, used: 32 }]);
  });
});
