import * as v from 'valibot';
import { describe, expect, it } from 'vitest';

import { planSources, type SourcePlan } from '../../../src/core/sources/plan-sources.ts';
import type { Inputs, Note } from '../../../src/core/sources/source-draft.ts';
import { TimeConfig } from '../../../src/core/sources/time-config.ts';

type ConfigInput = v.InferInput<typeof TimeConfig>;

const POOL = new Map([['pool.ntp.org', ['203.0.113.1']]]);
const LEASE = [{ link: 'eth0', ntp: ['192.0.2.1'] }];
const plan = (config: ConfigInput, rest: Partial<Omit<Inputs, 'config'>> = {}): SourcePlan =>
  planSources({
    config: v.parse(TimeConfig, config),
    leases: [],
    platform: 'none',
    resolved: POOL,
    ...rest,
  });
/** Number of the file to its servers. */
const used = ({ files }: SourcePlan): Record<string, string[]> =>
  Object.fromEntries(
    [...files].map(([name, text]) => [
      name.slice(0, 2),
      [...text.matchAll(/^server (\S+)/gm)].map(([, server]) => server ?? ''),
    ]),
  );
const dropped = ({ notes }: SourcePlan): readonly Note[] =>
  notes.filter(({ use }) => use === 'dropped');
const warned = (of: SourcePlan): readonly Note[] =>
  dropped(of).filter(({ isExpected }) => isExpected !== true);

describe('public servers', () => {
  it.each([
    ['on bare metal', { platform: 'none' }, { '90': ['203.0.113.1'] }],
    [
      'beside leases on bare metal',
      { leases: LEASE },
      { '30': ['192.0.2.1'], '90': ['203.0.113.1'] },
    ],
    [
      'with a seed volume, which is no cloud',
      { platform: 'nocloud', leases: LEASE },
      { '30': ['192.0.2.1'], '90': ['203.0.113.1'] },
    ],
    ['in a cloud without any other source', { platform: 'openstack' }, { '90': ['203.0.113.1'] }],
    [
      'where they are allowed',
      { platform: 'openstack', leases: LEASE, publicPool: true },
      { '30': ['192.0.2.1'], '90': ['203.0.113.1'] },
    ],
  ] as const)('are asked %s', (_, inputs, files) => {
    expect(used(plan({}, inputs))).toEqual(files);
  });

  it.each([
    ['akamai', 'the platform is akamai'],
    ['azure', 'the platform is azure'],
    ['digitalocean', 'the platform is digitalocean'],
    ['scaleway', 'the platform is scaleway'],
    ['vultr', 'the platform is vultr'],
    ['oracle', 'the platform names sources'],
  ])('are not asked beside a lease on %s', (platform, why) => {
    const of = plan({}, { platform, leases: LEASE });
    expect(used(of)).not.toHaveProperty('90');
    expect(of.names).toEqual([]);
    const note = dropped(of).find(({ origin }) => origin === 'fallback');
    expect(note).toMatchObject({ host: 'pool.ntp.org', isExpected: true });
    expect(note?.why).toContain(why);
  });

  it.each([
    ['they are not allowed', { publicPool: false }],
    ['it is not known yet whether this is a cloud', { isPlatformPending: true }],
  ] as const)('are not asked while %s', (_, inputs) => {
    expect(plan({}, { ...inputs, leases: LEASE }).names).toEqual([]);
    expect(used(plan({}, { ...inputs, leases: LEASE }))).toEqual({ '30': ['192.0.2.1'] });
  });
});

describe('the servers of platforms', () => {
  const hetzner = ['ntp1.hetzner.de', 'ntp2.hetzner.com', 'ntp3.hetzner.net'];
  it.each([
    ['aws', ['169.254.169.123', 'fd00:ec2::123']],
    ['gcp', ['169.254.169.254']],
    ['oracle', ['169.254.169.254']],
    ['hetzner', hetzner.map((_, at) => `198.51.100.${at}`)],
  ])('of %s', (platform, servers) => {
    const resolved = new Map(hetzner.map((name, at) => [name, [`198.51.100.${at}`]]));
    expect(used(plan({}, { platform, resolved }))).toEqual({ '20': servers });
  });
  it.each(['openstack', 'digitalocean', 'nocloud', 'none', 'azure'])(
    'are none on %s',
    (platform) => {
      expect(used(plan({ fallbackPools: [] }, { platform }))).toEqual({});
    },
  );
  it('are not used where time.yaml says so', () => {
    const of = plan({ usePlatform: false, fallbackPools: [] }, { platform: 'gcp' });
    expect(used(of)).toEqual({});
    expect(dropped(of)).toMatchObject([{ why: 'time.yaml has usePlatform: false' }]);
  });
});

describe('smeared and unsmeared sources', () => {
  const GOOGLE = { address: 'time.google.com' };
  const resolved = new Map([...POOL, ['time.google.com', ['216.239.35.0']]]);
  const INTERNAL = [{ link: 'eth0', ntp: ['169.254.169.254'] }];
  it.each<[string, ConfigInput, Partial<Inputs>, Record<string, string[]>, string]>([
    ['AWS and option 42', {}, { platform: 'aws', leases: LEASE }, { '20': ['169.254.169.123', 'fd00:ec2::123'] }, 'dhcp eth0'],
    ['Google\'s cloud and time.yaml', { servers: [{ address: '192.0.2.7' }] }, { platform: 'gcp' }, { '20': ['169.254.169.254'] }, 'time.yaml'],
    ['time.yaml by name and option 42', { servers: [GOOGLE] }, { leases: LEASE }, { '10': ['216.239.35.0'] }, 'dhcp eth0'],
    ['time.yaml and a platform', { servers: [GOOGLE] }, { platform: 'oracle' }, { '10': ['216.239.35.0'] }, 'platform oracle'],
    ['option 42 and public servers', {}, { leases: [{ link: 'eth0', ntp: ['129.134.28.123'] }] }, { '30': ['129.134.28.123'] }, 'fallback'],
    ['one lease', { fallbackPools: [] }, { leases: [{ link: 'eth0', ntp: ['192.0.2.1', '2001:4860:4806:8::'] }] }, { '30': ['2001:4860:4806:8::'] }, 'dhcp eth0'],
    ['a name that stands for Google\'s', { servers: [{ address: 'ntp.example' }] }, { leases: LEASE, resolved: new Map([['ntp.example', ['216.239.35.12']]]) }, { '10': ['216.239.35.12'] }, 'dhcp eth0'],
    ['an NTS server by name', { servers: [{ address: 'time.aws.com', nts: true }] }, { leases: LEASE }, { '10': ['time.aws.com'] }, 'dhcp eth0'],
  ])('are never together: %s', (_, config, inputs, files, loser) => {
    const of = plan(config, { resolved, ...inputs });
    expect(used(of)).toEqual(files);
    const why = 'it does not smear leap seconds, and other sources do';
    expect(warned(of)).toMatchObject([{ origin: loser, why }]);
  }); // prettier-ignore

  it('a lease pushes out nothing that time.yaml names', () => {
    const of = plan(
      { servers: [{ address: '192.0.2.7', nts: true }] },
      { leases: [{ link: 'eth0', ntp: ['216.239.35.0'] }] },
    );
    expect(used(of)).toEqual({ '10': ['192.0.2.7'] });
    const why: unknown = expect.stringMatching(/^it smears/);
    expect(warned(of)).toMatchObject([{ origin: 'dhcp eth0', why }]);
  });

  it('are together with their like', () => {
    const of = plan({ servers: [GOOGLE] }, { platform: 'gcp', resolved, leases: INTERNAL });
    expect(used(of)).toEqual({ '10': ['216.239.35.0'], '20': ['169.254.169.254'] });
    expect(warned(of)).toEqual([]);
    expect(used(plan({}, { platform: 'oracle', leases: LEASE }))).toEqual({
      '20': ['169.254.169.254'],
      '30': ['192.0.2.1'],
    });
  });
});

describe("the hypervisor's clock", () => {
  const KVM = { name: 'KVM virtual PTP', device: '/dev/ptp0', fault: undefined };
  const CLOSED = { ...KVM, fault: 'the pod cannot open /dev/ptp0: EPERM' };
  it('is a source where its device opens, and public servers are none then', () => {
    const of = plan({}, { clock: KVM });
    expect(of.refclock).toBe('/dev/ptp0');
    expect(used(of)).toEqual({});
    expect(of.notes[0]).toEqual({
      origin: 'hypervisor',
      host: '/dev/ptp0 (KVM virtual PTP)',
      use: 'used',
    });
  });
  it.each([
    [{}, CLOSED, CLOSED.fault],
    [{ useHypervisorClock: true }, CLOSED, CLOSED.fault],
    [{ useHypervisorClock: false }, KVM, 'time.yaml has useHypervisorClock: false'],
    [{ usePlatform: false }, KVM, 'time.yaml has usePlatform: false'],
  ] as const)('with %j is none: %s', (config, clock, why) => {
    const of = plan(config, { clock });
    expect(of.refclock).toBeUndefined();
    expect(of.notes[0]).toMatchObject({ origin: 'hypervisor', use: 'dropped', why });
    expect(used(of)).toEqual({ '90': ['203.0.113.1'] });
  });
  it('is smeared as its host is', () => {
    const servers = [{ address: '192.0.2.7' }];
    expect(used(plan({ servers }, { platform: 'azure', clock: KVM }))).toEqual({
      '10': ['192.0.2.7'],
    });
    expect(used(plan({ servers }, { platform: 'gcp', clock: KVM }))).toEqual({
      '20': ['169.254.169.254'],
    });
    const of = plan({ servers: [{ address: '216.239.35.0' }] }, { clock: KVM });
    expect(of.refclock).toBeUndefined();
    expect(of.notes[0]?.why).toBe('it does not smear leap seconds, and other sources do');
  });
});
