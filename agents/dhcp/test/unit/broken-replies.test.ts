import { toHex } from '@kios/bytes';
import { describe, expect, it } from 'vitest';

import { step } from '../../src/core/client/machine.ts';
import type { Input, State } from '../../src/core/client/model.ts';
import { begin } from '../../src/core/client/start.ts';
import { planLease } from '../../src/core/kernel/plan.ts';
import { type Lease, serverOf } from '../../src/core/lease/lease.ts';
import { entry, OPTIONS } from '../../src/core/wire/options.ts';
import { at, GRANT, KEEP, LINK, POLICY, reply, SERVER } from '../support/fixtures.ts';
import { ack, leaseOf } from '../support/replies.ts';

/** An ACK of a server with a lease of an hour and a mask. */
const USUAL = '350105 36040a000001 330400000e10 0104ffffff00';
const ROUTER = '03040a000001';
const DEFAULT = [{ dst: '0.0.0.0/0', via: SERVER }];

describe('a list whose length fits no number of items', () => {
  it.each([
    ['routers', '03050a00000100', { gateways: [SERVER] }],
    ['name servers', '06070a0000030a0000', { dns: ['10.0.0.3'] }],
    ['name servers in two parts', '06060a0000030a00 0603000411', { dns: ['10.0.0.3', '10.0.0.4'] }],
    ['time servers', '2a050a00000363', { ntp: ['10.0.0.3'] }],
  ])('has the whole ones: %s', (_name, options, expected) => {
    expect(leaseOf(`${USUAL}${options}ff`)).toMatchObject(expected);
  });
});

describe('a field that option 52 names and that holds no options', () => {
  const NAME = toHex(Buffer.from('boot/x86_64/image.efi '.repeat(5)));

  it.each([
    ['file', '340101', { file: `43${'ff'.repeat(127)}` }],
    ['file with a name', '340101', { file: NAME }],
    ['sname', '340102', { sname: '06ff0a000003' }],
    ['both', '340103', { file: `0cc8${'61'.repeat(126)}`, sname: `0cc8${'61'.repeat(62)}` }],
  ])('does not cost the others: %s', (_name, overload, fields) => {
    const lease = leaseOf(`${USUAL}${overload}${ROUTER}ff`, fields);
    expect(lease).toMatchObject({ prefix: 24, leaseSeconds: 3600, gateways: [SERVER] });
  });

  it('counts up to where it breaks off', () => {
    const file = `0104ffffff00 ${ROUTER} 06c80a000003`;
    const lease = leaseOf('350105 36040a000001 330400000e10 340101ff', { file });
    expect(lease).toMatchObject({ prefix: 24, gateways: [SERVER], dns: [] });
  });

  it('is not read where option 52 does not name it', () => {
    const file = '06040a000003ff';
    for (const overload of ['', '340100', '340104', '340102', '3400'])
      expect(leaseOf(`${USUAL}${overload}ff`, { file }).dns).toEqual([]);
  });
});

const sequence = (...inputs: readonly Input[]): State => {
  let [state] = step(begin(undefined), at(0, { tag: 'carrier', up: true }), KEEP);
  for (const [turn, input] of inputs.entries()) [state] = step(state, at(turn, input), KEEP);
  return state;
};
const leased = (state: State): Lease | undefined => state.memory.held?.lease;

describe('a message without a mask', () => {
  const without = GRANT.filter(([code]) => code !== OPTIONS.subnetMask.code);
  it('that grants what was offered has the mask of the offer', () => {
    const state = sequence(reply('offer'), reply('ack', without));
    expect(leased(state)).toMatchObject({
      prefix: 24,
      maskGuessed: false,
      broadcast: '10.0.0.255',
    });
  });

  it('that extends a lease has the mask of the lease', () => {
    const bound = sequence(reply('offer'), reply('ack'));
    const [renewing] = step(bound, at(1_801_000, { tag: 'timer' }, 7), KEEP);
    const [extended] = step(renewing, at(1_801_001, reply('ack', without, { xid: 7 })), KEEP);
    expect(extended.tag).toBe('bound');
    expect(leased(extended)).toMatchObject({ prefix: 24, maskGuessed: false });
  });

  it('that grants another address has the mask of its class', () => {
    const state = sequence(reply('offer'), reply('ack', without, { yiaddr: '192.168.7.9' }));
    expect(leased(state)).toMatchObject({ prefix: 24, maskGuessed: true });
    expect(leased(sequence(reply('offer', without), reply('ack', without)))).toMatchObject({
      prefix: 8,
      maskGuessed: true,
    });
  });
});

describe('a message without a time', () => {
  const without = GRANT.filter(([code]) => code !== OPTIONS.leaseTime.code);

  it('that grants what was offered has the time of the offer', () => {
    expect(leased(sequence(reply('offer'), reply('ack', without)))?.leaseSeconds).toBe(3600);
  });

  it('that extends a lease has the time of the lease', () => {
    const bound = sequence(reply('offer'), reply('ack'));
    const [renewing] = step(bound, at(1_801_000, { tag: 'timer' }, 7), KEEP);
    const [extended] = step(renewing, at(1_801_001, reply('ack', without, { xid: 7 })), KEEP);
    expect([extended.tag, leased(extended)?.leaseSeconds]).toEqual(['bound', 3600]);
  });

  it('that grants another address, or says that the time is 0, grants nothing', () => {
    const other = reply('ack', without, { yiaddr: '10.0.0.9' });
    const none = reply('ack', [...without, entry(OPTIONS.leaseTime, 0)]);
    for (const ack of [other, none]) expect(leased(sequence(reply('offer'), ack))).toBeUndefined();
  });
});

describe('a network that asks clients to do without IPv4', () => {
  const wait = entry(OPTIONS.ipv6Only, 1800);

  it.each(['offer', 'ack'] as const)('says so in an %s without an address', (kind) => {
    const policy = { ...KEEP, ipv6Mostly: true };
    let [state] = step(begin(undefined), at(0, { tag: 'carrier', up: true }), policy);
    if (kind === 'ack') [state] = step(state, at(1, reply('offer')), policy);
    const [next] = step(state, at(2, reply(kind, [wait], { yiaddr: '0.0.0.0' })), policy);
    expect(next).toMatchObject({ tag: 'init', wakeAt: 1_800_002 });
  });
});

const NOBODY = [
  '00000000',
  'ffffffff',
  '0a000000',
  '0a0000ff',
  'e0000001',
  'f0000001',
  '7f000001',
  '00000001',
  '0a000005',
];

describe('a gateway that no host can be', () => {
  it.each(NOBODY)('is none in option 3: %s', (hex) => {
    expect(leaseOf(`${USUAL}0304${hex}ff`)).toMatchObject({ routes: [], gateways: [] });
    expect(leaseOf(`${USUAL}0308${hex}0a000001ff`)).toMatchObject({ gateways: [SERVER] });
  });

  // 0.0.0.0 says there that the destination is on the link.
  it.each(NOBODY.slice(1))('is none in option 121: %s', (hex) => {
    expect(leaseOf(`${USUAL}7907100a02${hex}ff`).routes).toEqual([]);
    const both = leaseOf(`${USUAL}790c100a02${hex}00${hex}ff`);
    expect(both).toMatchObject({ routes: [], gateways: [] });
    const instead = leaseOf(`${USUAL}${ROUTER}790c100a02${hex}00${hex}ff`);
    expect(instead.routes).toEqual(DEFAULT);
  });

  it('costs one route and not the others', () => {
    const lease = leaseOf(`${USUAL}7913 100a020a000001 100a03ffffffff 000a000001ff`);
    expect(lease.routes).toEqual([{ dst: '10.2.0.0/16', via: SERVER }, ...DEFAULT]);
  });

  it('is no name server or time server either', () => {
    for (const hex of NOBODY.slice(0, -1))
      expect(leaseOf(`${USUAL}0604${hex}2a04${hex}ff`)).toMatchObject({ dns: [], ntp: [] });
  });
});

describe('a destination in which no host is', () => {
  it.each([
    ['a default route with a length of 32, as Technitium wrote it', '20 00000000'],
    ['a default route with a length of 8', '08 00'],
    ['the loopback', '08 7f'],
    ['an address of the loopback', '20 7f000001'],
    ['the own address', '20 0a000005'],
  ])('is none, and the default route of option 3 counts: %s', (_name, dst) => {
    const hex = `${dst.replaceAll(' ', '')}0a000001`;
    const length = (hex.length / 2).toString(16).padStart(2, '0');
    expect(leaseOf(`${USUAL}${ROUTER}79${length}${hex}ff`).routes).toEqual(DEFAULT);
    expect(leaseOf(`${USUAL}79${length}${hex}ff`).routes).toEqual([]);
  });

  it.each([
    ['half of all addresses', '01 00', '0.0.0.0/1'],
    ['groups', '04 e0', '224.0.0.0/4'],
    ['a quarter that holds the loopback', '02 40', '64.0.0.0/2'],
  ])('is not %s', (_name, dst, text) => {
    const lease = leaseOf(`${USUAL}7906${dst.replaceAll(' ', '')}0a000001ff`);
    expect(lease.routes).toEqual([{ dst: text, via: SERVER }]);
  });
});

describe('classless routes that break off', () => {
  const GOOD = '100a020a000001';
  const route = { dst: '10.2.0.0/16', via: SERVER };

  it.each([
    ['with a prefix length of 33', '21 0a0000000a 0a000001'],
    ['with a prefix length of 255', 'ff 0a000001'],
    ['within the destination', '18 0a11'],
    ['before the router', '18 0a1102'],
    ['within the router', '00 0a00'],
  ])('leave those before, and the default route of option 3: %s', (_name, hex) => {
    const value = GOOD + hex.replaceAll(' ', '');
    const length = (value.length / 2).toString(16).padStart(2, '0');
    const routes = `79${length}${value}`;
    expect(leaseOf(`${USUAL}${routes}${ROUTER}ff`).routes).toEqual([...DEFAULT, route]);
    expect(leaseOf(`${USUAL}${routes}ff`).routes).toEqual([route]);
  });

  it('have their own default route', () => {
    const lease = leaseOf(`${USUAL}0304 0a000002 790600 0a000001 21ff`);
    expect(lease.routes).toEqual(DEFAULT);
  });

  it('that are whole say that there is no default route', () => {
    expect(leaseOf(`${USUAL}${ROUTER}7907${GOOD}ff`).routes).toEqual([route]);
  });
});

describe('an absurd number', () => {
  it.each(['0000', '0043', '0044', '023f'])('is no MTU: %s', (hex) => {
    expect(leaseOf(`${USUAL}1a02${hex}ff`).mtu).toBeUndefined();
  });

  it.each([
    [false, false],
    [true, false],
    [true, true],
    [false, true],
  ])('of 65535 changes nothing: IPv6 %s, on routes %s', (ipv6, mtuOnRoutes) => {
    const lease = leaseOf(`${USUAL}${ROUTER}1a02ffffff`);
    const held = { lease, since: 0, degradeLevel: 0 } as const;
    const present = { link: LINK, ipv6, addresses: [], routes: [] };
    const changes = planLease(held, present, { ...POLICY, mtuOnRoutes }, 0);
    const mtus = changes.map((change) => {
      if (change.tag === 'change-link') return change.change.mtu;
      return change.tag === 'set-route' ? change.route.mtu : undefined;
    });
    expect(changes.map(({ tag }) => tag)).toContain('set-route');
    expect(mtus.filter((mtu) => mtu !== undefined)).toEqual([]);
  });

  it.each([
    ['00000001', 60, 30, 52],
    ['0000003c', 60, 30, 52],
    ['ffffffff', 0xffff_ffff, 0xffff_ffff, 0xffff_ffff],
    ['fffffffe', 0xffff_fffe, 2_147_483_647, 3_758_096_382],
  ])('of seconds gives times in order: %s', (hex, leaseSeconds, t1Seconds, t2Seconds) => {
    const options = `${USUAL.replace('00000e10', hex)}3a04ffffffff3b0400000000ff`;
    expect(leaseOf(options)).toMatchObject({ leaseSeconds, t1Seconds, t2Seconds });
  });
});

describe('a server behind a relay', () => {
  it('is that of option 54, and unknown without it', () => {
    const relay = { giaddr: '10.0.0.9', broadcast: true, siaddr: '10.0.0.99' };
    const serverIn = (options: string): string | undefined =>
      serverOf({ ...ack(options), ...relay }, '10.0.0.9');
    expect(serverIn(`${USUAL}ff`)).toBe(SERVER);
    expect(serverIn(`${USUAL.replace('36040a000001', '')}ff`)).toBeUndefined();
    expect(serverIn(`${USUAL.replace('0a000001', 'ffffffff')}ff`)).toBeUndefined();
  });
});
