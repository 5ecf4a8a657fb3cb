import { ByteWriter, DecodeError, fromHex, toHex } from '@kios/bytes';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  type Address,
  ADDRESS_FLAG,
  decodeAddress,
  encodeAddress,
  FOREVER,
} from '../../src/address.ts';
import { decodeNotification } from '../../src/events.ts';
import { decodeLink, encodeLinkChange } from '../../src/link.ts';
import { decodeAttributes, decodeMessages, encodeMessage } from '../../src/message.ts';
import { decodeRoute, encodeRoute, type Route, SCOPE } from '../../src/route.ts';
import { decodeRule, encodeRule } from '../../src/rule.ts';
import { parseUevent } from '../../src/uevent.ts';

const ADDRESS: Address = {
  ifindex: 2,
  address: '10.0.0.5',
  prefix: 24,
  broadcast: '10.0.0.255',
  label: 'eth0:1',
  scope: 0,
  flags: ADDRESS_FLAG.permanent,
  protocol: 16,
  metric: 100,
  validSeconds: FOREVER,
  preferredSeconds: 3600,
};

const ROUTE: Route = {
  dst: '0.0.0.0/0',
  via: '10.0.0.1',
  ifindex: 2,
  prefsrc: '10.0.0.5',
  metric: 100,
  protocol: 16,
  scope: SCOPE.universe,
  mtu: 1400,
};

const ADDRESS_6: Address = {
  ifindex: 2,
  address: '2001:db8::5',
  prefix: 64,
  scope: 0,
  flags: ADDRESS_FLAG.noPrefixRoute | ADDRESS_FLAG.manageTemporary,
  protocol: 107,
  metric: 100,
  validSeconds: FOREVER,
  preferredSeconds: 0,
};

const ROUTE_6: Route = {
  dst: '::/0',
  via: 'fe80::1',
  ifindex: 2,
  prefsrc: '2001:db8::5',
  metric: 1024,
  protocol: 107,
  scope: SCOPE.universe,
};

function withstands(decode: (bytes: Uint8Array) => unknown, bytes: Uint8Array): boolean {
  try {
    decode(bytes);
  } catch (error) {
    return error instanceof DecodeError;
  }
  return true;
}

describe('messages', () => {
  it('round-trip, several in one datagram', () => {
    const one = { type: 16, flags: 5, sequence: 7, payload: fromHex('0102030405060708') };
    const two = { ...one, sequence: 8, payload: new Uint8Array(0) };
    const datagram = Buffer.concat([encodeMessage(one), encodeMessage(two)]);
    expect(decodeMessages(new Uint8Array(datagram))).toEqual([one, two]);
  });

  it('decode any bytes into a value or a DecodeError', () => {
    const decoders = [
      decodeMessages,
      decodeAttributes,
      decodeAddress,
      decodeRoute,
      decodeLink,
      decodeRule,
    ];
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(decoders.every((decode) => withstands(decode, bytes))).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('addresses and routes', () => {
  it('an address keeps every field', () => {
    expect(decodeAddress(encodeAddress(ADDRESS))).toEqual(ADDRESS);
  });

  it('an address of no IP family is skipped', () => {
    const bytes = encodeAddress(ADDRESS);
    bytes[0] = 28;
    expect(decodeAddress(bytes)).toBeUndefined();
  });

  it.each([
    ROUTE,
    { ...ROUTE, dst: '169.254.169.254/32', via: undefined, scope: SCOPE.link, mtu: undefined },
    { ...ROUTE, table: 1000, onLink: true, advmss: 1300, initcwnd: 20, initrwnd: 30 },
    { dst: '192.0.2.0/24', ifindex: 0, metric: 5, protocol: 107, scope: 0, type: 'blackhole' },
    ROUTE_6,
    { ...ROUTE_6, dst: '2001:db8:1::/48', via: undefined, table: 200, type: 'local' },
  ] as const)('a route keeps every field: $dst', (route) => {
    expect(decodeRoute(encodeRoute(route))).toEqual(route);
  });

  it('an IPv6 address keeps every field', () => {
    expect(decodeAddress(encodeAddress(ADDRESS_6))).toEqual(ADDRESS_6);
  });

  it('a route through several links has no link', () => {
    // Nothing but RTA_MULTIPATH names its links.
    expect(decodeRoute(encodeRoute({ ...ROUTE, ifindex: 0 }))?.ifindex).toBe(0);
  });

  it.each([
    ['of a source prefix', 2, 64],
    ['of a type of service', 3, 16],
    ['of an unknown type', 7, 40],
  ])('a route %s is skipped', (_, at, value) => {
    const bytes = encodeRoute(ROUTE_6);
    bytes[at] = value;
    expect(decodeRoute(bytes)).toBeUndefined();
  });

  it.each([
    { family: 'ipv4', from: '10.0.0.5/32', table: 101, priority: 100, protocol: 107 },
    { family: 'ipv4', to: '10.0.0.0/8', table: 254, priority: 1, mark: 0, protocol: 0 },
    {
      family: 'ipv6',
      from: '2001:db8::/64',
      table: 1001,
      priority: 9,
      mark: 0xffff_ffff,
      protocol: 3,
    },
    { family: 'ipv6', to: '::1/128', table: 255, priority: 0, typeOfService: 16, protocol: 2 },
  ] as const)('a rule keeps every field: table $table', (rule) => {
    expect(decodeRule(encodeRule(rule))).toEqual(rule);
  });

  it('a rule that chooses no table is skipped', () => {
    const bytes = encodeRule({ family: 'ipv4', table: 9, protocol: 0 });
    bytes[7] = 6;
    expect(decodeRule(bytes)).toBeUndefined();
  });
});

describe('links', () => {
  it('decode from a message of the kernel', () => {
    const writer = new ByteWriter().u8(0).u8(0).u16le(1).u32le(2).u32le(0x11043).u32le(0);
    writer.bytes(fromHex('09000300 65746830 00000000'));
    writer.bytes(fromHex('0a000100 525400123456 0000'));
    writer.bytes(fromHex('08000400 dc050000 05002100 01000000 08003300 ffff0000'));
    expect(decodeLink(writer.finish())).toEqual({
      index: 2,
      name: 'eth0',
      type: 1,
      mac: '52:54:00:12:34:56',
      up: true,
      carrier: true,
      mtu: 1500,
      maxMtu: 65_535,
      master: undefined,
      kind: undefined,
    });
  });

  it('change how they make IPv6 addresses', () => {
    expect(toHex(encodeLinkChange(2, { generation: 'none', token: '::5' }))).toBe(
      [
        '00000000020000000000000000000000',
        '24001a00', // IFLA_AF_SPEC
        '20000a00', // AF_INET6
        '1400070000000000000000000000000000000005', // IFLA_INET6_TOKEN
        '0500080001000000', // IFLA_INET6_ADDR_GEN_MODE
      ].join(''),
    );
  });

  it('change only the given properties', () => {
    expect(toHex(encodeLinkChange(2, { up: true }))).toBe('00000000020000000100000001000000');
    expect(toHex(encodeLinkChange(2, { mtu: 9001 }))).toBe(
      '000000000200000000000000000000000800040029230000',
    );
  });
});

describe('notifications', () => {
  const link = encodeLinkChange(2, { up: true });
  const message = { flags: 0, sequence: 0, payload: link };

  it('report links that come and go', () => {
    expect(decodeNotification({ ...message, type: 16 })).toMatchObject({
      tag: 'link',
      gone: false,
    });
    expect(decodeNotification({ ...message, type: 17 })).toMatchObject({ tag: 'link', gone: true });
  });

  it('of a bridge about its ports are skipped', () => {
    const port = link.slice();
    port[0] = 7;
    expect(decodeNotification({ ...message, type: 17, payload: port })).toBeUndefined();
  });

  it('report addresses and routes of both families', () => {
    const address = { ...message, type: 21, payload: encodeAddress(ADDRESS) };
    expect(decodeNotification(address)).toEqual({ tag: 'address', gone: true, address: ADDRESS });
    const route = { ...message, type: 24, payload: encodeRoute(ROUTE) };
    expect(decodeNotification(route)).toEqual({ tag: 'route', gone: false, route: ROUTE });
    const six = { ...message, type: 20, payload: encodeAddress(ADDRESS_6) };
    expect(decodeNotification(six)).toEqual({ tag: 'address', gone: false, address: ADDRESS_6 });
  });
});

describe('uevents', () => {
  it('parse into action, path and variables', () => {
    const text = 'add@/devices/pci0/net/eth0\0ACTION=add\0MODALIAS=virtio:d1v=4\0SEQNUM=7\0';
    const event = parseUevent(new TextEncoder().encode(text));
    expect(event).toMatchObject({ action: 'add', devpath: '/devices/pci0/net/eth0' });
    expect(event.variables.get('MODALIAS')).toBe('virtio:d1v=4');
    expect(event.aliases).toEqual(['virtio:d1v=4']);
  });

  it("are rejected in udev's own format", () => {
    expect(() => parseUevent(new TextEncoder().encode('libudev\0junk'))).toThrow(DecodeError);
  });
});
