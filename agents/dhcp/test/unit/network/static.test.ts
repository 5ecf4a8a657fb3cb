import { type Address, ADDRESS_FLAG, FOREVER, type Route } from '@kios/netlink';
import { describeRule } from '@kios/netlink/rules';
import { describe, expect, it } from 'vitest';

import type {
  Configured,
  Present,
  PresentLink,
  StaticStep,
} from '../../../src/core/network/static/model.ts';
import { planStatic } from '../../../src/core/network/static/plan.ts';
import { ModelIp } from '../../support/network/model-ip.ts';
import { readLinks } from '../../support/network/read-file.ts';

const LINK: PresentLink = {
  index: 2,
  name: 'eth0',
  up: true,
  ipv6: { generation: 'eui64', token: '::' },
};

const present = (more: Partial<Present> = {}): Present => ({
  links: [LINK],
  addresses: [],
  routes: [],
  rules: [],
  sysctls: new Map(),
  canWrite: true,
  ...more,
});

/** The file's only part, for each of the links. */
const configured = (eth0: string, ...indices: number[]): Configured[] => {
  const [settings] = readLinks(`{ eth0: ${eth0} }`);
  if (settings === undefined) throw new Error('no link');
  return (indices.length === 0 ? [2] : indices).map((ifindex, at) => ({
    settings,
    ifindex,
    metric: 100 + 10 * at,
  }));
};

function wordsOf(step: StaticStep): string {
  if (step.tag === 'change-link')
    return `link ${step.link.name} ${Object.keys(step.change).join(' ')}`;
  if (step.tag === 'set-sysctl') return `${step.link} ${step.setting}=${step.value}`;
  if ('rule' in step) return `${step.tag} ${describeRule(step.rule)}`;
  if ('address' in step) return `${step.tag} ${step.address.address}/${step.address.prefix}`;
  const beside = 'beside' in step && step.beside ? ' beside' : '';
  return `${step.tag} ${step.route.dst}${beside}`;
}

const stepsOf = (file: string, state: Present = present()): string[] =>
  planStatic(configured(file), state).steps.map(wordsOf);

const lacksOf = (file: string, state: Present = present()): string[] => {
  const { waiting, obstacles } = planStatic(configured(file), state);
  return [
    ...waiting.map(({ what, why }) => `wait: ${what}: ${why}`),
    ...obstacles.map(({ what, why }) => `${what}: ${why}`),
  ];
};

const address = (text: string, more: Partial<Address> = {}): Address => ({
  ifindex: 2,
  address: text.split('/')[0] ?? '',
  prefix: Number(text.split('/')[1]),
  scope: 0,
  protocol: 107,
  metric: 100,
  validSeconds: FOREVER,
  preferredSeconds: FOREVER,
  ...more,
});

const route = (dst: string, more: Partial<Route> = {}): Route => ({
  dst,
  ifindex: 2,
  metric: 100,
  protocol: 107,
  scope: 0,
  ...more,
});

const GATEWAY = '{ addresses: [10.0.0.5/24], routes: [{ to: default, via: 10.0.0.1 }] }';

describe('a plan for addresses, routes and rules', () => {
  it('goes from addresses over the way to gateways to rules, and takes away behind that', () => {
    const file = `{
      addresses: [10.0.0.5/24, "2001:db8::5/64"],
      routes: [{ to: default, via: 203.0.113.1 }, { to: 203.0.113.1/32, scope: link }],
      routing-policy: [{ from: 10.0.0.5, table: 101 }] }`;
    const old = present({
      addresses: [address('10.9.0.5/24')],
      routes: [route('10.8.0.0/16')],
      rules: [{ family: 'ipv4', table: 7, priority: 9, protocol: 107 }],
    });
    expect(stepsOf(file, old)).toEqual([
      'link eth0 promoteSecondaries',
      'set-address 10.0.0.5/24',
      'set-address 2001:db8::5/64',
      'add-route 203.0.113.1/32',
      'add-route 0.0.0.0/0',
      'delete-route 10.8.0.0/16',
      'add-rule from 10.0.0.5/32 table 101',
      'delete-rule priority 9 table 7',
      'delete-address 10.9.0.5/24',
    ]);
  });

  it('lets a link that is down wait, and takes nothing away from it', () => {
    const state = present({
      links: [{ ...LINK, up: false }],
      addresses: [address('10.0.0.5/24')],
      routes: [],
    });
    expect(stepsOf(GATEWAY, state)).toEqual([]);
    expect(lacksOf(GATEWAY, state)).toEqual([
      'wait: address 10.0.0.5/24: the link is down',
      'wait: route 0.0.0.0/0: the link is down',
    ]);
  });

  it('has nothing of IPv6 on a link without it', () => {
    const state = present({ links: [{ ...LINK, ipv6: undefined }] });
    expect(stepsOf('{ addresses: ["2001:db8::5/64"] }', state)).toEqual([]);
    expect(lacksOf('{ addresses: ["2001:db8::5/64"] }', state)).toEqual([
      'address 2001:db8::5/64: the link has no IPv6: is its MTU below 1280?',
    ]);
  });

  it.each([
    ['by hand', 0, ['link eth0 promoteSecondaries', 'set-address 10.0.0.5/24']],
    ['of an old lease', 16, ['link eth0 promoteSecondaries', 'set-address 10.0.0.5/24']],
    ['of the file', 107, []],
  ])('an address %s is taken over without being taken away', (_, protocol, steps) => {
    const state = present({ addresses: [address('10.0.0.5/24', { protocol })] });
    expect(stepsOf('{ addresses: [10.0.0.5/24] }', state)).toEqual(steps);
  });

  it('an address that is leased to the link stays with its lease', () => {
    const file = '{ dhcp4: true, addresses: [10.0.0.5/24] }';
    const state = present({ addresses: [address('10.0.0.5/24', { protocol: 16 })] });
    expect(stepsOf(file, state)).toEqual([]);
    expect(lacksOf(file, state)).toEqual(['address 10.0.0.5/24: it is leased to this link']);
  });

  it('an IPv6 address gets another prefix length, unless somebody else gave it to the link', () => {
    const file = '{ addresses: ["2001:db8::5/64"] }';
    const there = address('2001:db8::5/48');
    expect(stepsOf(file, present({ addresses: [there] }))).toEqual([
      'delete-address 2001:db8::5/48',
      'set-address 2001:db8::5/64',
    ]);
    const foreign = present({ addresses: [{ ...there, protocol: 0 }] });
    expect(stepsOf(file, foreign)).toEqual([]);
    expect(lacksOf(file, foreign)).toEqual([
      'address 2001:db8::5/64: it is there with another prefix length or label',
    ]);
  });

  it('another label takes the address away for a moment, and sets again what went with it', () => {
    const file = `{ addresses: [{ 10.0.0.5/24: { label: "eth0:2" } }], routes: [
      { to: default, via: 10.0.0.1 }, { to: 10.7.0.0/16, via: 10.0.0.1, from: 10.0.0.5 }] }`;
    const labelled = address('10.0.0.5/24', { label: 'eth0:1' });
    const routes = [
      route('0.0.0.0/0', { via: '10.0.0.1' }),
      route('10.7.0.0/16', { via: '10.0.0.1', prefsrc: '10.0.0.5' }),
    ];
    const start = [
      'link eth0 promoteSecondaries',
      'delete-address 10.0.0.5/24',
      'set-address 10.0.0.5/24',
    ];
    expect(stepsOf(file, present({ addresses: [labelled], routes }))).toEqual([
      ...start,
      'replace-route 0.0.0.0/0',
      'replace-route 10.7.0.0/16',
    ]);
    // With another address left, only the route from this one goes with it.
    const leased = address('10.0.0.9/24', { protocol: 16 });
    expect(stepsOf(file, present({ addresses: [labelled, leased], routes }))).toEqual([
      ...start,
      'replace-route 10.7.0.0/16',
    ]);
  });

  it('a route that goes with its address is not deleted again: of metric 0 that takes any other', () => {
    const lan = route('10.8.0.0/16', { table: 1000, scope: 253 });
    const kernel = new ModelIp(true, true);
    kernel.setAddress(address('10.0.0.5/24', { label: 'eth0:1' }));
    kernel.addRoute({ ...lan, metric: 0 }, false);
    const file = `{
      addresses: [10.0.0.5/24: { label: "eth0:2" }],
      routes: [{ to: 10.8.0.0/16, scope: link, table: 1000 }] }`;
    const { steps } = planStatic(configured(file), kernel.present);
    for (const step of steps) kernel.carryOut(step);
    expect(kernel.routes).toContainEqual(expect.objectContaining(lan));
  });

  it('a route that stays when its address goes is deleted', () => {
    const state = present({
      addresses: [address('10.0.0.5/24', { label: 'eth0:1' }), address('10.0.0.6/24')],
      routes: [route('10.8.0.0/16')],
    });
    const file = '{ addresses: [10.0.0.5/24: { label: "eth0:2" }, 10.0.0.6/24] }';
    expect(stepsOf(file, state)).toContain('delete-route 10.8.0.0/16');
  });

  it('an address that another host has is reported', () => {
    const flags = ADDRESS_FLAG.dadFailed | ADDRESS_FLAG.tentative;
    const state = present({ addresses: [address('2001:db8::5/64', { flags })] });
    expect(lacksOf('{ addresses: ["2001:db8::5/64"] }', state)).toEqual([
      'address 2001:db8::5/64: another host on the network has it',
    ]);
  });

  it('an IPv6 source waits until no other host has replied', () => {
    const file =
      '{ addresses: ["2001:db8::5/64"], routes: [{ to: default, via: "fe80::1", from: "2001:db8::5" }] }';
    const waiting = ['wait: route ::/0: the node does not have 2001:db8::5 yet'];
    expect(lacksOf(file)).toEqual(waiting);
    const flags = ADDRESS_FLAG.tentative;
    const state = present({ addresses: [address('2001:db8::5/64', { flags })] });
    expect(lacksOf(file, state)).toEqual(waiting);
    const free = present({ addresses: [address('2001:db8::5/64', { flags: 0 })] });
    expect(stepsOf(file, free)).toEqual(['add-route ::/0']);
  });

  it('a default route of the file comes before that of the lease', () => {
    const file = `{ dhcp4: true, addresses: [10.1.0.5/24], routes: [{ to: default, via: 10.1.0.1 }] }`;
    const leased = route('0.0.0.0/0', { via: '10.0.0.1', protocol: 16 });
    const state = present({ addresses: [address('10.1.0.5/24')], routes: [leased] });
    const { steps, obstacles } = planStatic(configured(file), state);
    expect(obstacles).toEqual([]);
    expect(steps).toMatchObject([{ tag: 'add-route', route: { dst: '0.0.0.0/0', metric: 99 } }]);
  });

  it('a gateway in the network of a lease waits for the lease', () => {
    const file = '{ dhcp4: true, routes: [{ to: 10.7.0.0/16, via: 10.0.0.9 }] }';
    expect(lacksOf(file)).toEqual(['wait: route 10.7.0.0/16: nothing leads to 10.0.0.9 yet']);
    const leased = present({ addresses: [address('10.0.0.5/24', { protocol: 16 })] });
    expect(stepsOf(file, leased)).toEqual(['add-route 10.7.0.0/16']);
  });

  it.each([
    ['one of a lease is in the way', { protocol: 16, via: '10.0.0.9' }, []],
    ['one of several gateways is in the way', { ifindex: 0 }, []],
    ['ours of another gateway is replaced', { via: '10.0.0.2' }, ['replace-route 0.0.0.0/0']],
    ['an equal one of somebody else is as good', { protocol: 4, via: '10.0.0.1' }, []],
    ['one of another metric is beside it', { metric: 5, protocol: 4 }, ['add-route 0.0.0.0/0']],
    ['one of another table is beside it', { table: 9, protocol: 4 }, ['add-route 0.0.0.0/0']],
  ])('a route: %s', (_, there, steps) => {
    const addresses = [address('10.0.0.5/24')];
    const state = present({ addresses, routes: [route('0.0.0.0/0', there)] });
    expect(stepsOf(GATEWAY, state)).toEqual(steps);
  });

  it('an IPv6 route is beside that of an announcement, but makes none with those of others', () => {
    const file = '{ routes: [{ to: default, via: "fe80::1", metric: 1024 }] }';
    const there = route('::/0', { via: 'fe80::9', metric: 1024, protocol: 9 });
    expect(stepsOf(file, present({ routes: [there] }))).toEqual(['add-route ::/0 beside']);
    const foreign = present({ routes: [{ ...there, protocol: 4 }] });
    expect(stepsOf(file, foreign)).toEqual([]);
    expect(lacksOf(file, foreign)).toEqual(['route ::/0: a route of another owner has its metric']);
  });

  it('two cards that one part of the file matches do not get one address', () => {
    const links = [LINK, { ...LINK, index: 3, name: 'eth1' }];
    const file = '{ addresses: [10.0.0.5/24], routing-policy: [{ from: 10.0.0.5, table: 9 }] }';
    const { steps, obstacles } = planStatic(configured(file, 2, 3), present({ links }));
    expect(steps.map(wordsOf)).toEqual([
      'link eth0 promoteSecondaries',
      'set-address 10.0.0.5/24',
      'add-rule from 10.0.0.5/32 table 9',
    ]);
    expect(obstacles).toEqual([{ link: 'eth1', what: 'address 10.0.0.5/24', why: 'eth0 has it' }]);
  });

  it('a rule without a priority keeps the one that the kernel chose', () => {
    const file =
      '{ routing-policy: [{ from: 10.0.0.5, table: 9 }, { from: 10.0.0.5, table: 9, priority: 5 }] }';
    const rule = { family: 'ipv4', from: '10.0.0.5/32', table: 9, protocol: 107 } as const;
    const rules = [
      { ...rule, priority: 5 },
      { ...rule, priority: 32_765 },
    ];
    expect(stepsOf(file, present({ rules }))).toEqual([]);
    expect(stepsOf(file, present({ rules: [rules[0]!] }))).toEqual([
      'add-rule from 10.0.0.5/32 table 9',
    ]);
  });

  it('settings of IPv6 are written where they differ, and return to what they were', () => {
    const sysctls = new Map([
      ['eth0/accept_ra', '1'],
      ['eth0/use_tempaddr', '0'],
      ['eth0/disable_ipv6', '1'],
    ]);
    expect(stepsOf('{ accept-ra: true, ipv6-privacy: false }', present({ sysctls }))).toEqual([
      'eth0 disable_ipv6=0',
      'eth0 accept_ra=2',
    ]);
    const options = { before: new Map([['2/accept_ra', '0']]), secret: undefined };
    const { steps } = planStatic(configured('{}'), present({ sysctls }), options);
    expect(steps.map(wordsOf)).toEqual(['eth0 accept_ra=0']);
  });

  it('settings that cannot be written are reported', () => {
    const sysctls = new Map([['eth0/use_tempaddr', '2']]);
    const state = present({ sysctls, canWrite: false });
    // What a message can do is done by one.
    expect(stepsOf('{ link-local: [] }', state)).toEqual(['link eth0 generation']);
    const file =
      '{ accept-ra: false, ipv6-privacy: true, ipv6-address-generation: stable-privacy }';
    expect(lacksOf(file, state)).toEqual([
      'setting accept_ra: it cannot be written',
      'stable-privacy: the node has no secret for it',
    ]);
  });
});
