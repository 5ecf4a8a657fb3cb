import * as v from 'valibot';
import { describe, expect, it } from 'vitest';

import { planSources, serversIn, type SourcePlan } from '../../../src/core/sources/plan-sources.ts';
import type { Inputs } from '../../../src/core/sources/source-draft.ts';
import { TimeConfig } from '../../../src/core/sources/time-config.ts';

type ConfigInput = v.InferInput<typeof TimeConfig>;

const plan = (config: ConfigInput, rest: Partial<Omit<Inputs, 'config'>> = {}) =>
  planSources({
    config: v.parse(TimeConfig, config),
    leases: [],
    platform: undefined,
    resolved: new Map(),
    ...rest,
  });
const eth0 = { link: 'eth0', ntp: ['192.0.2.1', '192.0.2.2'] };
const fourOf = (net: number): string[] => [1, 2, 3, 4].map((at) => `192.0.${net}.${at}`);
/** What somebody should see to. */
const bad = ({ notes }: SourcePlan) =>
  notes.filter(({ use, isExpected }) => use === 'dropped' && isExpected !== true);
const files = (of: ReturnType<typeof plan>): Record<string, string> => Object.fromEntries(of.files);

describe('planSources', () => {
  it('without other sources resolves the fallback, then writes it', () => {
    expect(plan({}).names).toEqual(['pool.ntp.org']);
    expect(bad(plan({}))).toEqual([]);
    expect(files(plan({}))).toEqual({});
    const resolved = new Map([['pool.ntp.org', ['203.0.113.1', '203.0.113.2']]]);
    expect(files(plan({}, { resolved }))).toEqual({
      '90-fallback.sources':
        '# fallback\n# pool.ntp.org\nserver 203.0.113.1 iburst\nserver 203.0.113.2 iburst\n',
    });
  });

  it('does not believe a lease alone: public servers are asked too, and the lease is preferred', () => {
    const resolved = new Map([['pool.ntp.org', ['203.0.113.1']]]);
    expect(files(plan({}, { leases: [eth0], resolved }))).toEqual({
      '30-dhcp-eth0.sources':
        '# lease of eth0\nserver 192.0.2.1 prefer iburst\nserver 192.0.2.2 prefer iburst\n',
      '90-fallback.sources': '# fallback\n# pool.ntp.org\nserver 203.0.113.1 iburst\n',
    });
    expect(plan({ useDhcp: 'replace' }, { leases: [eth0] }).names).toEqual([]);
    expect(plan({ fallbackPools: [] }, { leases: [eth0] }).names).toEqual([]);
  });

  it('names the addresses that only a lease names', () => {
    const servers = [{ address: '192.0.2.1' }];
    expect([...plan({ servers }, { leases: [eth0] }).leased]).toEqual(['192.0.2.2']);
  });

  it.each(['192.0.2.9', 'time.example.org'])('says that %s asks for NTS', (address) => {
    expect(plan({ servers: [{ address, nts: true }] }).hasNts).toBe(true);
    expect(plan({ servers: [{ address }] }).hasNts).toBe(false);
    const refused = new Set([address]);
    expect(plan({ servers: [{ address, nts: true }] }, { refused }).hasNts).toBe(true);
  });

  it('leaves out a refused address, whoever names it', () => {
    const servers = [{ address: '192.0.2.9' }];
    const refused = new Set(['192.0.2.9', '192.0.2.1']);
    expect(files(plan({ servers }, { leases: [eth0], refused }))).toEqual({
      '30-dhcp-eth0.sources': '# lease of eth0\nserver 192.0.2.2 iburst\n',
    });
  });

  it('leaves out an NTS server one of whose addresses, or whose name, is refused', () => {
    const servers = [{ address: 'time.example', nts: true }, { address: '192.0.2.8' }];
    const resolved = new Map([['time.example', ['192.0.2.9']]]);
    for (const each of ['192.0.2.9', 'time.example'])
      expect(files(plan({ servers }, { resolved, refused: new Set([each]) }))).toEqual({
        '10-config.sources': '# time.yaml\nserver 192.0.2.8 iburst\n',
      });
    expect(plan({ servers }, { resolved }).named).toEqual(['time.example']);
  });

  it("asks a program of the node's own where time.yaml says so, and nowhere else", () => {
    const servers = [{ address: '127.0.0.1' }];
    const leases = [{ link: 'eth0', ntp: ['127.0.0.2'] }];
    expect(files(plan({ servers, pools: ['::1'] }, { leases }))).toEqual({
      '10-config.sources': '# time.yaml\nserver 127.0.0.1 iburst\nserver ::1 iburst\n',
    });
  });

  it('uses no public servers when time.yaml or a cloud names others', () => {
    expect(plan({ servers: [{ address: '192.0.2.9' }] }).names).toEqual([]);
    expect(plan({}, { platform: 'aws' }).names).toEqual([]);
    expect(plan({ useDhcp: 'ignore' }, { leases: [eth0] }).names).toEqual(['pool.ntp.org']);
  });

  it.each([
    ['add', ['10-config.sources', '20-platform.sources', '30-dhcp-eth0.sources']],
    ['replace', ['10-config.sources', '30-dhcp-eth0.sources']],
    ['ignore', ['10-config.sources', '20-platform.sources']],
  ] as const)('with useDhcp %s writes %j', (useDhcp, names) => {
    const config: ConfigInput = { useDhcp, servers: [{ address: '192.0.2.9' }] };
    expect([...plan(config, { leases: [eth0], platform: 'oracle' }).files.keys()]).toEqual(names);
  });

  it('keeps the platform when the lease that would replace it has no usable server', () => {
    const leases = [{ link: 'eth0', ntp: ['0.0.0.0'] }];
    expect([...plan({ useDhcp: 'replace' }, { leases, platform: 'aws' }).files.keys()]).toEqual([
      '20-platform.sources',
    ]);
  });

  it('writes the options of a configured server', () => {
    const servers = [{ address: '192.0.2.9', prefer: true, minpoll: 4, maxpoll: 6 }];
    expect(files(plan({ servers }))['10-config.sources']).toBe(
      '# time.yaml\nserver 192.0.2.9 iburst prefer minpoll 4 maxpoll 6\n',
    );
  });

  it('names NTS servers as their certificates do', () => {
    const servers = [{ address: 'time.example.org', nts: true }];
    expect(files(plan({ servers }))['10-config.sources']).toContain(
      'server time.example.org iburst nts',
    );
  });

  it('writes an address once, in the first file, in whatever form it is given', () => {
    const servers = [{ address: '2001:DB8:0:0::1' }, { address: '192.0.2.1' }];
    const leases = [eth0, { link: 'eth1', ntp: ['2001:db8::1', '192.0.2.2'] }];
    expect(files(plan({ servers }, { leases }))).toEqual({
      '10-config.sources': '# time.yaml\nserver 2001:db8::1 iburst\nserver 192.0.2.1 iburst\n',
      '30-dhcp-eth0.sources': '# lease of eth0\nserver 192.0.2.2 iburst\n',
    });
  });

  it.each([
    '0.0.0.0',
    '127.0.0.1',
    '224.0.1.1',
    '255.255.255.255',
    '::1',
    'ff02::1',
    'x',
    '1.2.3',
    '',
    'fe80::1',
    'febf::1',
    '::ffff:192.0.2.1',
    '::ffff:0:192.0.2.1',
    '::192.0.2.1',
    '::',
    '240.0.0.1',
  ])('drops and reports %j from a lease', (value) => {
    const result = plan({}, { leases: [{ link: 'eth0', ntp: [value, '192.0.2.1'] }] });
    expect(bad(result)).toMatchObject([{ origin: 'dhcp eth0', host: value, use: 'dropped' }]);
    expect(files(result)['30-dhcp-eth0.sources']).toBe(
      '# lease of eth0\nserver 192.0.2.1 prefer iburst\n',
    );
  });

  it('takes the first eight servers of four hundred', () => {
    const ntp = Array.from({ length: 400 }, (_, at) => `10.0.${at >> 8}.${at & 255}`);
    const result = plan({}, { leases: [{ link: 'eth0', ntp }] });
    expect(serversIn(files(result)['30-dhcp-eth0.sources'] ?? '')).toEqual(ntp.slice(0, 8));
    const why = 'an origin gives at most 8 sources';
    expect(bad(result)).toMatchObject([{ origin: 'dhcp eth0', host: '392 more', why }]);
  });

  it('gives at most eight sources for names too, and tells which are too many', () => {
    const pools = ['a.example', 'b.example', 'c.example'];
    const resolved = new Map(pools.map((name, at) => [name, fourOf(at)]));
    const result = plan({ pools }, { resolved });
    expect(serversIn(files(result)['10-config.sources'] ?? '')).toEqual([
      ...fourOf(0),
      ...fourOf(1),
    ]);
    expect(bad(result)).toMatchObject([{ origin: 'time.yaml', host: '1 more' }]);
  });

  it('tells a server that a lease names twice, and not one that another origin names too', () => {
    const servers = [{ address: '192.0.2.2' }];
    const leases = [{ link: 'eth0', ntp: ['192.0.2.1', '192.0.2.1', '192.0.2.2'] }];
    const result = plan({ servers }, { leases });
    const twice = { host: '192.0.2.1', why: 'dhcp eth0 names it already' };
    expect(bad(result)).toMatchObject([twice]);
    expect(result.notes).toContainEqual({
      origin: 'dhcp eth0',
      host: '192.0.2.2',
      use: 'dropped',
      why: 'time.yaml names it already',
      isExpected: true,
    });
  });

  it('leaves out what a name server says that cannot be a time server', () => {
    const resolved = new Map([['pool.ntp.org', ['127.0.0.1', '203.0.113.1']]]);
    const result = plan({}, { resolved });
    expect(serversIn(files(result)['90-fallback.sources'] ?? '')).toEqual(['203.0.113.1']);
    expect(bad(result)).toMatchObject([{ host: 'pool.ntp.org', address: '127.0.0.1' }]);
  });

  it('leaves out addresses of names and platforms in a family that the node lacks, and no others', () => {
    const resolved = new Map([['ntp.example', ['192.0.2.9', '2001:db8::9']]]);
    const servers = [{ address: 'ntp.example' }, { address: '2001:db8::7' }];
    const ipv4 = plan({ servers }, { resolved, families: { ipv4: true, ipv6: false } });
    expect(serversIn(files(ipv4)['10-config.sources'] ?? '')).toEqual(['192.0.2.9', '2001:db8::7']);
    const families = { ipv4: false, ipv6: true };
    expect(files(plan({}, { platform: 'aws', families }))).toEqual({
      '20-platform.sources':
        '# platform aws\nserver fd00:ec2::123 prefer iburst minpoll 4 maxpoll 4\n',
    });
    expect(bad(ipv4)).toEqual([]);
  });

  it.each(['gcp', 'oracle'])(
    'asks public servers on %s where the node has no address of the family of its servers',
    (platform) => {
      const families = { ipv4: false, ipv6: true };
      expect(plan({}, { platform, families }).names).toEqual(['pool.ntp.org']);
      // The address of the family may still come.
      const none = { ipv4: false, ipv6: false };
      expect(plan({}, { platform, families: none }).names).toEqual([]);
      expect(plan({}, { platform, families: { ipv4: true, ipv6: true } }).names).toEqual([]);
    },
  );

  it('asks no server of NTS twice, by the form of the name that a certificate has', () => {
    const servers = ['Time.Example.', 'time.example'].map((address) => ({ address, nts: true }));
    expect(files(plan({ servers }))).toEqual({
      '10-config.sources': '# time.yaml\nserver time.example iburst nts\n',
    });
  });

  it('keeps addresses of names in the node’s own subnets, whichever families lead further', () => {
    const resolved = new Map([['ntp.example', ['192.0.2.9', '198.51.100.9', '2001:db8::9']]]);
    const families = { ipv4: false, ipv6: true, subnets: ['192.0.2.1/24'] };
    const planned = plan({ servers: [{ address: 'ntp.example' }] }, { resolved, families });
    expect(serversIn(files(planned)['10-config.sources'] ?? '')).toEqual([
      '192.0.2.9',
      '2001:db8::9',
    ]);
  });

  it('writes the options and keys that time.yaml has, and drops a key that chronyd could not read', () => {
    const servers = [
      { address: '192.0.2.9', iburst: false },
      { address: '192.0.2.8', key: 7 },
    ];
    expect(files(plan({ servers }, { hasKeys: true }))['10-config.sources']).toBe(
      '# time.yaml\nserver 192.0.2.9\nserver 192.0.2.8 iburst key 7\n',
    );
    const without = plan({ servers });
    expect(files(without)['10-config.sources']).toBe('# time.yaml\nserver 192.0.2.9\n');
    expect(bad(without)).toMatchObject(
      [{ host: '192.0.2.8', why: /key/ }].map(({ host }) => ({ host })),
    );
  });

  it('ignores a lease whose link has an invalid name', () => {
    expect(plan({}, { leases: [{ link: '../../x', ntp: ['192.0.2.1'] }] }).files.size).toBe(0);
  });
});

describe('time.yaml', () => {
  it.each<[string, unknown]>([
    ['a space in an address', { servers: [{ address: 'a b' }] }],
    ['a line break in an address', { servers: [{ address: 'a\nallow all' }] }],
    ['a comment sign', { pools: ['a#b'] }],
    ['an unknown key', { server: [] }],
    ['an option that chronyd would drop', { servers: [{ address: '192.0.2.1', minpoll: 99 }] }],
    ['minpoll above maxpoll', { servers: [{ address: '192.0.2.1', minpoll: 6, maxpoll: 4 }] }],
    ['a negative threshold', { makestep: { threshold: -1 } }],
    ['a proof of two kinds', { servers: [{ address: '192.0.2.1', nts: true, key: 1 }] }],
    ['a third kind of hypervisor clock', { useHypervisorClock: 'yes' }],
    ['an infinite threshold', { makestep: { threshold: Infinity } }],
  ])('refuses %s', (_, input) => {
    expect(v.safeParse(TimeConfig, input).success).toBe(false);
  });
});
