import { readFileSync } from 'node:fs';

import { fromHex } from '@kios/bytes';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { acceptReply, type Incoming } from '../../src/core/client/replies.ts';
import {
  decline,
  discover,
  type DegradeLevel,
  reboot,
  release,
  renew,
  select,
} from '../../src/core/client/requests.ts';
import { clientFilter } from '../../src/core/wire/filter.ts';
import { decodeFrame, encodeFrame } from '../../src/core/wire/frame.ts';
import { decodeMessage, type DhcpMessage, encodeMessage } from '../../src/core/wire/message.ts';
import { entry, OPTIONS, OptionSet, TYPE } from '../../src/core/wire/options.ts';
import { runFilter } from '../support/bpf.ts';
import { withstands } from '../support/codec-laws.ts';
import { ADDRESS, GRANT, MAC, message, SERVER, WHO } from '../support/fixtures.ts';

const VECTOR = new URL('../vectors/dnsmasq-offer.hex', import.meta.url);
const OFFER_FRAME = fromHex(readFileSync(VECTOR, 'utf8'));
const VNET_HEADER = 10;
const EXCHANGE = { xid: 0x1234_5678, secs: 3, degradeLevel: 0, broadcast: false } as const;

/** An OFFER's frame with one byte changed. */
function spoiled(offset: number, value: number): Uint8Array {
  const frame = OFFER_FRAME.slice();
  frame[offset] = value;
  return frame;
}

const decodeBoth = (bytes: Uint8Array): unknown => decodeMessage(decodeFrame(bytes).payload);

describe('a frame', () => {
  it('of dnsmasq is read although its checksum is not computed', () => {
    const { source, payload } = decodeFrame(OFFER_FRAME);
    const offer = decodeMessage(payload);
    expect(source).toBe('10.99.0.1');
    expect(offer).toMatchObject({ op: 2, xid: 0x1234_5678, chaddr: MAC });
    expect(offer.options.get(OPTIONS.searchList)).toEqual(['a.example.org', 'b.example.org']);
    expect(offer.options.get(OPTIONS.classlessRoutes)).toEqual([
      { dst: '10.1.0.0/16', via: '10.99.0.2' },
      { dst: '0.0.0.0/0', via: '10.99.0.1' },
    ]);
  });

  it.each([
    ['the checksum is wrong and the kernel calls it final', 0, 0, 'wrong checksum'],
    ['the header checksum is wrong', VNET_HEADER + 14 + 8, 63, 'wrong checksum'],
    ['the length runs past the end', VNET_HEADER + 14 + 2, 255, 'lengths do not fit'],
    ['it is for another port', VNET_HEADER + 14 + 23, 69, 'not for the client port'],
    ['it is not IPv4', VNET_HEADER + 13, 6, 'not IPv4'],
  ])('is refused when %s', (_name, offset, value, why) => {
    expect(() => decodeFrame(spoiled(offset, value))).toThrow(why);
  });

  it('carries what was sent, with valid checksums', () => {
    const payload = encodeMessage(discover(WHO, EXCHANGE, undefined, false));
    const frame = encodeFrame({
      sourceMac: MAC,
      targetMac: 'ff:ff:ff:ff:ff:ff',
      source: '0.0.0.0',
      target: '255.255.255.255',
      payload,
    });
    // Swapped ports make a reply of it and leave the checksum as it is.
    frame[VNET_HEADER + 14 + 21] = 67;
    frame[VNET_HEADER + 14 + 23] = 68;
    expect(decodeFrame(frame).payload).toEqual(payload);
  });

  it('of any bytes gives a message or a DecodeError', () => {
    const anyFlip = fc.array(fc.tuple(fc.nat(OFFER_FRAME.length - 1), fc.nat(255)), {
      maxLength: 6,
    });
    fc.assert(
      fc.property(anyFlip, fc.nat(OFFER_FRAME.length), (flips, length) => {
        const frame = OFFER_FRAME.slice(0, length);
        for (const [offset, value] of flips) frame[offset] = value;
        expect(withstands(decodeBoth, frame)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('the kernel filter', () => {
  const frame = OFFER_FRAME.slice(VNET_HEADER);
  const { chaddr, xid } = decodeMessage(decodeFrame(OFFER_FRAME).payload);
  const filter = clientFilter(chaddr, xid);
  const changed = (offset: number, value: number): Uint8Array => {
    const copy = frame.slice();
    copy[offset] = value;
    return copy;
  };
  const flipped = (offset: number): Uint8Array => changed(offset, (frame[offset] ?? 0) ^ 1);

  it.each([
    ['a reply to a client', frame, undefined, true],
    ['one with a priority tag', frame, 0xe000, true],
    ['one of a VLAN', frame, 0x0007, false],
    ['another protocol', changed(23, 6), undefined, false],
    ['a fragment', changed(20, 0x20), undefined, false],
    ['a packet that must not be fragmented', changed(20, 0x40), undefined, true],
    ['another port', changed(37, 67), undefined, false],
    ['IPv6', changed(12, 0x86), undefined, false],
    ['a reply to another message', flipped(49), undefined, false],
    ['a reply to a client whose hardware address begins otherwise', flipped(70), undefined, false],
    ['a reply to a client whose hardware address ends otherwise', flipped(75), undefined, false],
  ])('judges %s', (_name, bytes, vlanTag, passes) => {
    expect(runFilter(filter, bytes, vlanTag) > 0).toBe(passes);
  });

  it('finds the fields behind a longer IP header', () => {
    const longer = new Uint8Array([...frame.subarray(0, 34), 1, 1, 1, 1, ...frame.subarray(34)]);
    longer[14] = 0x46;
    expect(runFilter(filter, longer, undefined) > 0).toBe(true);
  });
});

describe('a message', () => {
  it('keeps its fields and options', () => {
    const original = message(TYPE.ack, GRANT, { secs: 9, broadcast: true, siaddr: SERVER });
    const decoded = decodeMessage(encodeMessage(original));
    expect(decoded).toEqual(original);
  });

  it('joins the parts of a long option, including those in file and sname', () => {
    const names = Array.from({ length: 20 }, (_, index) => `name-${index}.example.org`);
    const long = message(TYPE.ack, [entry(OPTIONS.searchList, names)]);
    expect(decodeMessage(encodeMessage(long)).options.get(OPTIONS.searchList)).toEqual(names);

    const bytes = encodeMessage(message(TYPE.ack, [entry(OPTIONS.overload, 3)]));
    bytes.set(fromHex('0f03 636f6d ff'), 108);
    bytes.set(fromHex('0f01 2e ff'), 44);
    expect(decodeMessage(bytes).options.get(OPTIONS.domainName)).toBe('com.');
  });

  it('is refused when an option runs past the end', () => {
    const bytes = encodeMessage(message(TYPE.ack, []));
    bytes.set([51, 255], 243);
    expect(() => decodeMessage(bytes)).toThrow('need 255 bytes');
  });

  it('holds 64 KiB of options and 300 parts of one', () => {
    const many = Array.from({ length: 300 }, (_, at) => Uint8Array.of(224, 2, at >> 8, at & 255));
    const head = encodeMessage(message(TYPE.ack, [])).subarray(0, 240);
    const bytes = new Uint8Array(Buffer.concat([head, ...many, new Uint8Array(65_000)]));
    expect(decodeMessage(bytes).options.raw.get(224)).toHaveLength(600);
  });
});

describe('a message of the client', () => {
  it.each([
    ['DISCOVER', discover(WHO, EXCHANGE, ADDRESS, true), [53, 61, 57, 50, 80, 55]],
    ['REQUEST in SELECTING', select(WHO, EXCHANGE, ADDRESS, SERVER), [53, 61, 57, 50, 54, 55]],
    ['REQUEST in INIT-REBOOT', reboot(WHO, EXCHANGE, ADDRESS), [53, 61, 57, 50, 55]],
    ['REQUEST in RENEWING', renew(WHO, EXCHANGE, ADDRESS), [53, 61, 57, 55]],
    ['DECLINE', decline(WHO, EXCHANGE, ADDRESS, SERVER), [53, 61, 50, 54]],
    ['RELEASE', release(WHO, EXCHANGE, ADDRESS, SERVER), [53, 61, 54]],
  ])('%s has the options of RFC 2131 table 5, in order', (_name, sent, codes) => {
    expect([...sent.options.raw.keys()]).toEqual(codes);
    expect(sent.secs).toBe(3);
    expect(encodeMessage(sent).length).toBeGreaterThanOrEqual(300);
  });

  it('names the address in ciaddr only when it has it', () => {
    expect(release(WHO, EXCHANGE, ADDRESS, SERVER).ciaddr).toBe(ADDRESS);
    expect(decline(WHO, EXCHANGE, ADDRESS, SERVER).ciaddr).toBe('0.0.0.0');
    expect(renew(WHO, EXCHANGE, ADDRESS).ciaddr).toBe(ADDRESS);
    expect(reboot(WHO, EXCHANGE, ADDRESS).ciaddr).toBe('0.0.0.0');
  });

  it('sends the host name or asks for one, never both', () => {
    const named = discover(
      { ...WHO, hostname: 'node-1', wantsHostname: false },
      EXCHANGE,
      undefined,
      false,
    ).options;
    expect(named.get(OPTIONS.hostName)).toBe('node-1');
    expect(named.get(OPTIONS.parameterList)).not.toContain(OPTIONS.hostName.code);
    const unnamed = discover(WHO, EXCHANGE, undefined, false).options;
    expect(unnamed.get(OPTIONS.parameterList)).toContain(OPTIONS.hostName.code);
  });

  it('neither sends nor asks for a host name when both are off', () => {
    const { options } = discover({ ...WHO, wantsHostname: false }, EXCHANGE, undefined, false);
    expect(options.get(OPTIONS.parameterList)).not.toContain(OPTIONS.hostName.code);
  });

  it('asks for extra options beside its own', () => {
    const { options } = discover({ ...WHO, extraOptions: [43, 6] }, EXCHANGE, undefined, false);
    const list = options.get(OPTIONS.parameterList) ?? [];
    expect(list.filter((code) => code === 43 || code === 6)).toEqual([6, 43]);
  });

  it.each<readonly [DegradeLevel, object]>([
    [0, { wanted: 14, size: true, rapid: true, id: true }],
    [1, { wanted: 6, size: true, rapid: true, id: true }],
    [2, { wanted: 6, size: false, rapid: false, id: true }],
    [3, { wanted: 6, size: false, rapid: false, id: false }],
  ])('leaves out what a silent server may object to: step %i', (degradeLevel, expected) => {
    const { options } = discover(WHO, { ...EXCHANGE, degradeLevel }, undefined, true);
    expect({
      wanted: options.get(OPTIONS.parameterList)?.length,
      size: options.get(OPTIONS.maxMessageSize) !== undefined,
      rapid: options.get(OPTIONS.rapidCommit) === true,
      id: options.get(OPTIONS.clientId) !== undefined,
    }).toEqual(expected);
  });

  it('asks for classless routes before routers', () => {
    const list = discover(WHO, EXCHANGE, undefined, false).options.get(OPTIONS.parameterList) ?? [];
    expect(list.indexOf(121)).toBeLessThan(list.indexOf(3));
  });
});

const incoming = (answer: DhcpMessage): Incoming => ({
  message: answer,
  source: SERVER,
  sourceMac: undefined,
});

describe('a reply', () => {
  it('to this client is accepted, whatever its kind', () => {
    expect(acceptReply(WHO, incoming(message(TYPE.nak, [])))).toMatchObject({ kind: 'nak' });
  });

  it.each([
    ['a request', message(TYPE.offer, GRANT, { op: 1 }), 'is a request'],
    ['of another card', message(TYPE.offer, GRANT, { chaddr: '02:00:00:00:00:02' }), 'hardware'],
    ['of a type that clients send', message(TYPE.discover, GRANT), 'do not send this type'],
    [
      'without a type',
      message(TYPE.offer, [], { options: new OptionSet([]) }),
      'do not send this type',
    ],
    [
      'with another client identifier',
      message(TYPE.ack, [entry(OPTIONS.clientId, Uint8Array.of(9))]),
      'client identifier',
    ],
  ])('%s is refused', (_name, bad, why) => {
    expect(() => acceptReply(WHO, incoming(bad))).toThrow(why);
  });
});
