import { describe, expect, it } from 'vitest';

import type { Lease } from '../../src/core/lease/lease.ts';
import { OPTIONS } from '../../src/core/wire/options.ts';
import { SERVER } from '../support/fixtures.ts';
import { ack, leaseOf } from '../support/replies.ts';

const TYPE_ACK = '350105';
const SERVER_ID = '36040a000001';
const HOUR = '330400000e10';
const MASK = '0104ffffff00';
const ROUTER = '03040a000001';
const USUAL = [TYPE_ACK, SERVER_ID, HOUR, MASK, ROUTER] as const;
const PLAIN = leaseOf(`${USUAL.join('')}ff`);
const without = (lease: Lease): Lease => ({ ...lease, raw: {} });

describe('an option that is sent twice', () => {
  it.each([
    ['the message type', TYPE_ACK],
    ['the server', SERVER_ID],
    ['the lease time', HOUR],
    ['the mask', MASK],
    ['the routers', ROUTER],
  ])('counts once: %s', (_name, option) => {
    expect(leaseOf(`${USUAL.join('')}${option}ff`)).toEqual(PLAIN);
    expect(leaseOf(`${USUAL.join('').replace(option, option + option)}ff`)).toEqual(PLAIN);
  });

  it('counts once when the second one is in another field', () => {
    const all = USUAL.join('');
    const overloaded = leaseOf(`${all}340103ff`, {
      file: `${HOUR}${MASK}ff`,
      sname: `${ROUTER}ff`,
    });
    expect(without(overloaded)).toEqual(without(PLAIN));
  });

  it('is option 52, and the fields are read all the same', () => {
    const lease = leaseOf(`${[TYPE_ACK, SERVER_ID, MASK].join('')}340101340101ff`, {
      file: `${HOUR}${ROUTER}ff`,
    });
    expect(without(lease)).toEqual(without(PLAIN));
  });

  it('of a type that has a size counts by its first copy, even when they differ', () => {
    expect(leaseOf(`${USUAL.join('')}0104ffff0000ff`).prefix).toBe(24);
    expect(leaseOf(`${USUAL.join('')}3304000000ffff`).leaseSeconds).toBe(3600);
  });

  it.each([
    ['MTU', '1a0205781a020578', { mtu: 1400 }],
    ['MTU of four bytes', '1a0405780578', { mtu: 1400 }],
    ['MTU of one byte and then of two', '1a01051a020578', { mtu: 1400 }],
    ['domain', '0f036162630f03616263', { domain: 'abc', search: ['abc'] }],
    ['host name', '0c036162630c03616263', { hostname: 'abc' }],
    ['name servers', '06040a00000306040a000003', { dns: ['10.0.0.3'] }],
    ['search list', '7705036162630077050361626300', { search: ['abc'] }],
    ['T1', '3a04000000783a0400000078', { t1Seconds: 120 }],
    [
      'classless routes',
      '7905000a0000017905000a000001',
      { routes: [{ dst: '0.0.0.0/0', via: SERVER }] },
    ],
  ] as const)('counts once: %s', (_name, options, expected) => {
    expect(leaseOf(`${USUAL.join('')}${options}ff`)).toMatchObject(expected);
  });

  it('and differs continues its value, if it has no size', () => {
    expect(leaseOf(`${USUAL.join('')}0f026162 0f0163 ff`).domain).toBe('abc');
    expect(leaseOf(`${USUAL.join('')}06040a00000306040a000004ff`).dns).toHaveLength(2);
  });

  it('counts once also when each copy has several parts', () => {
    const parts = '0f0261620f0163';
    expect(leaseOf(`${USUAL.join('')}${parts}${parts}ff`).domain).toBe('abc');
  });
});

describe('the server of a lease', () => {
  it('is that of option 54, sent twice, and never that of siaddr', () => {
    const options = `${USUAL.join('')}${SERVER_ID}ff`;
    expect(leaseOf(options, { siaddr: '10.0.0.99' }).server).toBe(SERVER);
    expect(ack(options).options.get(OPTIONS.serverId)).toBe(SERVER);
  });
});
