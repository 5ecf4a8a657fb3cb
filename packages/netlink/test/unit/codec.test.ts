import { ByteWriter, DecodeError, fromHex, toHex } from '@kios/bytes';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { type Address, decodeAddress, encodeAddress, FOREVER } from '../../src/address.ts';
import { decodeLink, encodeLinkChange } from '../../src/link.ts';
import { decodeAttributes, decodeMessages, encodeMessage } from '../../src/message.ts';
import { decodeRoute, encodeRoute, type Route, SCOPE } from '../../src/route.ts';
import { decodeNotification } from '../../src/rtnetlink.ts';
import { parseUevent } from '../../src/uevent.ts';

const ADDRESS: Address = {
  ifindex: 2,
  address: '10.0.0.5',
  prefix: 24,
  broadcast: '10.0.0.255',
  scope: 0,
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
    const decoders = [decodeMessages, decodeAttributes, decodeAddress, decodeRoute, decodeLink];
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

  it('an IPv6 address is skipped', () => {
    const bytes = encodeAddress(ADDRESS);
    bytes[0] = 10;
    expect(decodeAddress(bytes)).toBeUndefined();
  });

  it.each([
    ROUTE,
    { ...ROUTE, dst: '169.254.169.254/32', via: undefined, scope: SCOPE.link, mtu: undefined },
  ])('a route keeps every field: $dst', (route) => {
    expect(decodeRoute(encodeRoute(route))).toEqual(route);
  });

  it('a route of another table is skipped', () => {
    const bytes = encodeRoute(ROUTE);
    bytes[4] = 255;
    expect(decodeRoute(bytes)).toBeUndefined();
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

  it('report IPv4 addresses and routes', () => {
    const address = { ...message, type: 21, payload: encodeAddress(ADDRESS) };
    expect(decodeNotification(address)).toEqual({ tag: 'address', gone: true, address: ADDRESS });
    const route = { ...message, type: 24, payload: encodeRoute(ROUTE) };
    expect(decodeNotification(route)).toEqual({ tag: 'route', gone: false, route: ROUTE });
  });
});

describe('uevents', () => {
  it('parse into action, path and variables', () => {
    const text = 'add@/devices/pci0/net/eth0\0ACTION=add\0MODALIAS=virtio:d1v=4\0SEQNUM=7\0';
    const event = parseUevent(new TextEncoder().encode(text));
    expect(event).toMatchObject({ action: 'add', devpath: '/devices/pci0/net/eth0' });
    expect(event.variables.get('MODALIAS')).toBe('virtio:d1v=4');
  });

  it("are rejected in udev's own format", () => {
    expect(() => parseUevent(new TextEncoder().encode('libudev\0junk'))).toThrow(DecodeError);
  });
});
