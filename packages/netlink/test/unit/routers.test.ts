import { ByteWriter, DecodeError, fromHex, parseIpv6 } from '@kios/bytes';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { nest, u32Bytes, writeAttribute } from '../../src/message.ts';
import { decodeRouterEvent } from '../../src/routers.ts';

const NEW_LINK = 16;
const NEW_OPTIONS = 68;
const AF_INET6 = 10;

const event = (type: number, payload: Uint8Array): ReturnType<typeof decodeRouterEvent> =>
  decodeRouterEvent({ type, flags: 0, sequence: 0, payload });

/** A notification of a link's IPv6 settings. */
function link(flags: number, family = AF_INET6): Uint8Array {
  const writer = new ByteWriter(64);
  writer.u8(family).zeros(3).u32le(7).zeros(8);
  writeAttribute(writer, 12, nest([1, u32Bytes(flags)]));
  return writer.finish();
}

/** RDNSS with one server. */
const RDNSS = '1903000000000258'.concat('20010db8000000000000000000000053');

function options(hex: string, icmpType = 134): Uint8Array {
  const bytes = fromHex(hex);
  const writer = new ByteWriter(96);
  writer.u8(AF_INET6).u8(0).u16le(bytes.length).u32le(7).u8(icmpType).zeros(7).bytes(bytes);
  writeAttribute(writer, 1, parseIpv6('fe80::1'));
  return writer.finish();
}

function decodeAnything(type: number, tail: Uint8Array): void {
  try {
    event(type, Uint8Array.of(AF_INET6, ...tail));
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
  }
}

describe('what the kernel tells of routers', () => {
  it.each([
    [0x8000_0030, { received: true, managed: false, other: false }],
    [0x8000_00f0, { received: true, managed: true, other: true }],
    [0x8000_0050, { received: false, managed: true, other: false }],
  ])('are the flags %i', (flags, expected) => {
    expect(event(NEW_LINK, link(flags))).toEqual({
      tag: 'flags',
      flags: { ifindex: 7, ...expected },
    });
  });

  it('are no flags of a link in general, or of a bridge port', () => {
    expect(event(NEW_LINK, link(0x70, 0))).toBeUndefined();
    expect(event(NEW_LINK, link(0x70, 7))).toBeUndefined();
  });

  it('are options with the router that sent them', () => {
    expect(event(NEW_OPTIONS, options(RDNSS))).toEqual({
      tag: 'options',
      said: { ifindex: 7, router: 'fe80::1', options: fromHex(RDNSS) },
    });
    expect(event(NEW_OPTIONS, options(RDNSS, 137))).toBeUndefined();
  });

  it('is decoded or refused, whatever the bytes are', () => {
    const anything = fc.property(
      fc.constantFrom(NEW_LINK, NEW_OPTIONS),
      fc.uint8Array(),
      decodeAnything,
    );
    expect(() => fc.assert(anything)).not.toThrow();
  });
});
