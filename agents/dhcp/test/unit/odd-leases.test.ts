import { fromHex } from '@kios/bytes';
import { describe, expect, it } from 'vitest';

import { type Lease, readLease } from '../../src/core/lease/lease.ts';
import { decodeFrame } from '../../src/core/wire/frame.ts';
import { type DhcpMessage, decodeMessage } from '../../src/core/wire/message.ts';
import { entry, OPTIONS, TYPE } from '../../src/core/wire/options.ts';
import { ADDRESS, GRANT, message, SERVER } from '../support/fixtures.ts';
import { paddedOffer } from '../support/padded-offer.ts';

type Entry = (typeof GRANT)[number];

function granted(options: readonly Entry[] = [], fields: Partial<DhcpMessage> = {}): Lease {
  const codes = new Set(options.map(([code]) => code));
  const all = [...GRANT.filter(([code]) => !codes.has(code)), ...options];
  const result = readLease(message(TYPE.ack, all, fields), SERVER, 60);
  if ('refused' in result) throw new Error(result.refused);
  return result.lease;
}

const ack = (options: readonly Entry[]): DhcpMessage => message(TYPE.ack, options);
const text = (code: number, value: string): Entry => [code, Buffer.from(value)];
const DEFAULT = [{ dst: '0.0.0.0/0', via: SERVER }];

describe('names in absolute form', () => {
  it.each([
    ['the domain', [text(15, 'example.com.')], { domain: 'example.com', search: ['example.com'] }],
    ['several domains', [text(15, 'a.example. b.example')], { search: ['a.example', 'b.example'] }],
    ['the host name', [text(12, 'node-1.example.com.')], { hostname: 'node-1.example.com' }],
    ['a short host name', [text(12, 'node-1.')], { hostname: 'node-1' }],
    [
      'the search list, with an empty label for the last dot',
      [[119, fromHex('0161 00 00 0162 00')]],
      { search: ['a', 'b'] },
    ],
    [
      'the search list, with the dot in the label',
      [[119, fromHex('02612e 00')]],
      { search: ['a'] },
    ],
    [
      'the same name in both forms',
      [text(15, 'a.example.'), entry(OPTIONS.searchList, ['a.example'])],
      { search: ['a.example'] },
    ],
  ] as const)('lose their last dot: %s', (_name, options, expected) => {
    expect(granted(options as readonly Entry[])).toMatchObject(expected);
  });

  it.each(['.', '..', 'a..', '.a'])('are none: %j', (name) => {
    expect(granted([text(12, name), text(15, name)])).toMatchObject({
      hostname: undefined,
      domain: undefined,
      search: [],
    });
  });
});

describe('one bad item in a list', () => {
  it.each([
    ['a space in a label', '0161 00 03612062 00 0162 00'],
    ['a hyphen at the end of a label', '0161 00 02612d 00 0162 00'],
    ['a control byte', '0161 00 0107 00 0162 00'],
    ['a name of 300 characters', `0161 00 ${`3f${'61'.repeat(63)}`.repeat(5)} 00 0162 00`],
  ])('does not cost the other names of the search list: %s', (_name, hex) => {
    expect(granted([[119, fromHex(hex)]]).search).toEqual(['a', 'b']);
  });

  it.each([
    ['a name without an end', '0161 00 0162'],
    ['a label past the end', '0161 00 3f61'],
    ['a pointer to itself', '0161 00 c003'],
    ['a label of an unknown type', '0161 00 4161 00'],
  ])('costs what follows it where no end is found: %s', (_name, hex) => {
    expect(granted([[119, fromHex(hex)]]).search).toEqual(['a']);
  });

  it.each([
    'a.example bad_;name b.example',
    'a.example\tb.example',
    'a.example,b.example',
    'a.example\n b.example\0',
  ])('does not cost the other domains: %j', (value) => {
    expect(granted([text(15, value)]).search).toEqual(['a.example', 'b.example']);
  });

  it('does not cost the other servers', () => {
    const sent = ['0.0.0.0', '255.255.255.255', '224.0.0.1', '10.0.0.3'];
    const lease = granted([entry(OPTIONS.nameServers, sent), entry(OPTIONS.ntpServers, sent)]);
    expect([lease.dns, lease.ntp]).toEqual([['10.0.0.3'], ['10.0.0.3']]);
  });
});

describe('routers', () => {
  it.each([
    ['the own address', [ADDRESS, SERVER]],
    ['the address of the subnet', ['10.0.0.0', SERVER]],
    ['the broadcast address', ['10.0.0.255', SERVER]],
    ['no address', ['0.0.0.0', SERVER]],
  ])('are searched for one that can route: %s comes first', (_name, routers) => {
    const lease = granted([entry(OPTIONS.routers, routers)]);
    expect([lease.routes, lease.gateways]).toEqual([DEFAULT, [SERVER]]);
  });

  it.each([
    ['the second one', [SERVER, '10.0.0.2', '10.0.0.3'], [], '10.0.0.2'],
    [
      'the second one that can route',
      [ADDRESS, SERVER, SERVER, '0.0.0.0', '10.0.0.3'],
      [],
      '10.0.0.3',
    ],
    ['none of one', [SERVER], [], undefined],
    ['none beside classless routes', [SERVER, '10.0.0.2'], DEFAULT, undefined],
  ] as const)('have a fallback: %s', (_name, routers, classless, fallbackRouter) => {
    const routes = classless.length === 0 ? [] : [entry(OPTIONS.classlessRoutes, classless)];
    const lease = granted([entry(OPTIONS.routers, routers), ...routes]);
    expect(lease).toMatchObject({ routes: DEFAULT, fallbackRouter });
  });

  it('may be outside of the subnet', () => {
    expect(granted([entry(OPTIONS.routers, ['172.31.0.0'])]).gateways).toEqual(['172.31.0.0']);
  });

  it.each([[121], [249]])('count when option %i has no route', (code) => {
    expect(granted([[code, new Uint8Array()]]).routes).toEqual(DEFAULT);
  });

  it('of option 249 count when option 121 has no route', () => {
    const routes = [{ dst: '10.1.0.0/16', via: SERVER }];
    const both: Entry[] = [[121, new Uint8Array()], entry(OPTIONS.microsoftRoutes, routes)];
    expect(granted(both).routes).toEqual(routes);
  });
});

describe('a mask without ones', () => {
  it('counts as none', () => {
    const lease = granted([entry(OPTIONS.subnetMask, '0.0.0.0')]);
    expect(lease).toMatchObject({ prefix: 8, maskGuessed: true, broadcast: '10.255.255.255' });
  });
});

describe('option 28', () => {
  it.each([
    '0.0.0.0',
    ADDRESS,
    SERVER,
    '10.0.0.53',
    '10.0.0.127',
    '192.168.0.255',
    '255.255.255.255',
  ])('%s does not make an address a broadcast address', (sent) => {
    const lease = granted([entry(OPTIONS.broadcast, sent)]);
    expect(lease).toMatchObject({ broadcast: '10.0.0.255', gateways: [SERVER] });
  });
});

describe('a lease without a time', () => {
  const without = GRANT.filter(([code]) => code !== OPTIONS.leaseTime.code);

  it.each([
    ['absent', without],
    ['zero', [...without, entry(OPTIONS.leaseTime, 0)]],
  ])('is refused, or as long as the fallback: %s', (_name, options) => {
    expect(readLease(ack(options), SERVER, 60)).toEqual({ refused: 'no lease time' });
    expect(readLease(ack(options), SERVER, 60, 7200)).toMatchObject({
      lease: { leaseSeconds: 7200, t1Seconds: 3600, t2Seconds: 6300 },
    });
    expect(readLease(ack(options), SERVER, 60, 10)).toMatchObject({
      lease: { leaseSeconds: 60 },
    });
  });

  it('is not what a server with a time grants', () => {
    expect(readLease(ack(GRANT), SERVER, 60, 7200)).toMatchObject({
      lease: { leaseSeconds: 3600 },
    });
  });
});

describe('a packet with bytes behind its datagram', () => {
  it.each([1, 2, 18, 300])('is read: %i bytes', (padding) => {
    expect(decodeMessage(decodeFrame(paddedOffer(padding)).payload)).toMatchObject({ op: 2 });
    expect(decodeFrame(paddedOffer(padding)).payload).toEqual(decodeFrame(paddedOffer(0)).payload);
  });

  it('is still refused for a wrong checksum, and for a length past its end', () => {
    expect(() => decodeFrame(paddedOffer(4, { corrupt: true }))).toThrow('wrong checksum');
    expect(() => decodeFrame(paddedOffer(0, { udpLength: 4000 }))).toThrow('length 4000');
    expect(() => decodeFrame(paddedOffer(0, { udpLength: 7 }))).toThrow('length 7');
  });
});
