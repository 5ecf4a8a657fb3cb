import { fromHex } from '@kios/bytes';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { announcement, decodeArp, encodeArp, probe, question } from '../../src/core/wire/arp.ts';
import { arpFilter } from '../../src/core/wire/filter.ts';
import { decodePcap, encodePcap } from '../../src/core/wire/pcap.ts';
import { runFilter } from '../support/bpf.ts';
import { withstands } from '../support/codec-laws.ts';
import { ADDRESS, GATEWAY_MAC, MAC, OTHER, SERVER } from '../support/fixtures.ts';

describe('an ARP packet', () => {
  it('has the bytes of RFC 826', () => {
    const expected = fromHex(
      `ffffffffffff 020000000001 0806 0001 0800 06 04 0001
       020000000001 00000000 000000000000 0a000005 000000000000000000000000000000000000`,
    );
    expect(encodeArp(probe(MAC, ADDRESS))).toEqual(expected);
  });

  it.each([
    ['a probe', probe(MAC, ADDRESS)],
    ['an announcement', announcement(MAC, ADDRESS)],
    ['a question', question(MAC, ADDRESS, SERVER)],
    ['a question to a known neighbour', question(MAC, ADDRESS, SERVER, GATEWAY_MAC)],
  ])('is read back: %s', (_name, packet) => {
    expect(decodeArp(encodeArp(packet))).toEqual(packet);
  });

  it('is broadcast, unless its target is known', () => {
    const known = question(MAC, ADDRESS, SERVER, GATEWAY_MAC);
    expect(encodeArp(known).subarray(0, 6)).toEqual(fromHex(GATEWAY_MAC));
  });

  it('of any bytes gives a packet or a DecodeError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        expect(withstands(decodeArp, bytes)).toBe(true);
        // A valid header lets the bytes past the first checks.
        const arp = encodeArp(probe(MAC, ADDRESS)).slice();
        arp.set(bytes.subarray(0, 20), 20);
        expect(withstands(decodeArp, arp)).toBe(true);
      }),
    );
  });
});

describe('the filter for ARP', () => {
  const filter = arpFilter(ADDRESS, SERVER);
  const reply = { ...probe(OTHER, ADDRESS), operation: 'reply', sender: SERVER } as const;

  it.each([
    ['a claim of our address', announcement(OTHER, ADDRESS), true],
    ['a probe for it', probe(OTHER, ADDRESS), true],
    ['a question for it', question(OTHER, '10.0.0.9', ADDRESS), false],
    ['a probe for another address', probe(OTHER, '10.0.0.9'), false],
    ['a claim of another address', announcement(OTHER, '10.0.0.9'), false],
    ["the gateway's reply", reply, true],
    ["the gateway's question", question(OTHER, SERVER, '10.0.0.9'), false],
  ])('judges %s', (_name, packet, passes) => {
    const frame = encodeArp(packet);
    expect(runFilter(filter, frame, undefined) > 0).toBe(passes);
    expect(runFilter(filter, frame, 0x2000) > 0).toBe(passes);
    expect(runFilter(filter, frame, 0x0007)).toBe(0);
    expect(runFilter(filter, frame, undefined, true)).toBe(0);
  });
});

describe('a capture file', () => {
  it('has the header that packet tools expect, and is read back', () => {
    const frames = [
      { at: 1_700_000_000_123, frame: encodeArp(probe(MAC, ADDRESS)) },
      { at: 1_700_000_001_000, frame: Uint8Array.of(1, 2, 3) },
    ];
    const bytes = encodePcap(frames);
    expect(bytes.subarray(0, 24)).toEqual(
      fromHex('a1b2c3d4 0002 0004 00000000 00000000 0000ffff 00000001'),
    );
    expect(decodePcap(bytes)).toEqual(frames);
  });
});
