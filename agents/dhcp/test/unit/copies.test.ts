import { fromHex } from '@kios/bytes';
import { describe, expect, it } from 'vitest';

import { type Lease, readLease } from '../../src/core/lease/lease.ts';
import { decodeMessage, encodeMessage } from '../../src/core/wire/message.ts';
import { OPTIONS, TYPE } from '../../src/core/wire/options.ts';
import { message, SERVER } from '../support/fixtures.ts';

const TYPE_ACK = '350105';
const SERVER_ID = '36040a000001';
const HOUR = '330400000e10';
const MASK = '0104ffffff00';
const ROUTER = '03040a000001';
const COOKIE_END = 240;
const FILE = 108;
const SNAME = 44;

/** An ACK with these options, and those in the fields that option 52 names. */
function ack(options: string, fields: { file?: string; sname?: string; siaddr?: string } = {}) {
  const { file = '', sname = '', siaddr = '0.0.0.0' } = fields;
  const head = encodeMessage(message(TYPE.ack, [], { siaddr })).slice(0, COOKIE_END);
  head.set(fromHex(file), FILE);
  head.set(fromHex(sname), SNAME);
  return decodeMessage(Uint8Array.from([...head, ...fromHex(options)]));
}

function granted(...of: Parameters<typeof ack>): Lease {
  const result = readLease(ack(...of), SERVER, 60);
  if ('refused' in result) throw new Error(result.refused);
  return result.lease;
}

const USUAL = [TYPE_ACK, SERVER_ID, HOUR, MASK, ROUTER] as const;
const PLAIN = granted(`${USUAL.join('')}ff`);
const without = (lease: Lease): Lease => ({ ...lease, raw: {} });

describe('an option that is sent twice', () => {
  it.each([
    ['the message type', TYPE_ACK],
    ['the server', SERVER_ID],
    ['the lease time', HOUR],
    ['the mask', MASK],
    ['the routers', ROUTER],
  ])('counts once: %s', (_name, option) => {
    expect(granted(`${USUAL.join('')}${option}ff`)).toEqual(PLAIN);
    expect(granted(`${USUAL.join('').replace(option, option + option)}ff`)).toEqual(PLAIN);
  });

  it('counts once when the second one is in another field', () => {
    const all = USUAL.join('');
    const overloaded = granted(`${all}340103ff`, {
      file: `${HOUR}${MASK}ff`,
      sname: `${ROUTER}ff`,
    });
    expect(without(overloaded)).toEqual(without(PLAIN));
  });

  it('is option 52, and the fields are read all the same', () => {
    const lease = granted(`${[TYPE_ACK, SERVER_ID, MASK].join('')}340101340101ff`, {
      file: `${HOUR}${ROUTER}ff`,
    });
    expect(without(lease)).toEqual(without(PLAIN));
  });

  it('of a type that has a size counts by its first copy, even when they differ', () => {
    expect(granted(`${USUAL.join('')}0104ffff0000ff`).prefix).toBe(24);
    expect(granted(`${USUAL.join('')}3304000000ffff`).leaseSeconds).toBe(3600);
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
    expect(granted(`${USUAL.join('')}${options}ff`)).toMatchObject(expected);
  });

  it('and differs continues its value, if it has no size', () => {
    expect(granted(`${USUAL.join('')}0f026162 0f0163 ff`).domain).toBe('abc');
    expect(granted(`${USUAL.join('')}06040a00000306040a000004ff`).dns).toHaveLength(2);
  });

  it('counts once also when each copy has several parts', () => {
    const parts = '0f0261620f0163';
    expect(granted(`${USUAL.join('')}${parts}${parts}ff`).domain).toBe('abc');
  });
});

describe('the server of a lease', () => {
  it('is that of option 54, sent twice, and never that of siaddr', () => {
    const options = `${USUAL.join('')}${SERVER_ID}ff`;
    expect(granted(options, { siaddr: '10.0.0.99' }).server).toBe(SERVER);
    expect(ack(options).options.get(OPTIONS.serverId)).toBe(SERVER);
  });
});
