import { fromHex } from '@kios/bytes';
import { describe, expect, it } from 'vitest';

import { checksum, decodeFrame, VNET_HEADER } from '../../src/core/wire/frame.ts';
import { decodeMessage, encodeMessage } from '../../src/core/wire/message.ts';
import { TYPE } from '../../src/core/wire/options.ts';
import { ADDRESS, GRANT, message, SERVER } from '../support/fixtures.ts';
import { paddedOffer } from '../support/padded-offer.ts';

describe('a reply for other hardware', () => {
  const bytes = encodeMessage(message(TYPE.ack, GRANT));

  it.each([
    ['IEEE 802 networks', 1, 6],
    ['InfiniBand', 1, 32],
    ['no hardware', 1, 0],
    ['a longer address', 2, 16],
    ['a shorter address', 2, 5],
    ['an address of no length', 2, 0],
    ['an address past the field', 2, 255],
  ])('is refused: %s', (_name, offset, value) => {
    const other = bytes.slice();
    other[offset] = value;
    expect(() => decodeMessage(other)).toThrow('not for Ethernet');
  });

  it('has our address whatever follows it in the field', () => {
    const filled = bytes.slice().fill(0xa5, 28 + 6, 28 + 16);
    expect(decodeMessage(filled).chaddr).toBe(message(TYPE.ack, GRANT).chaddr);
  });
});

describe('a frame', () => {
  const IP = VNET_HEADER + 14;
  const changed = (offset: number, ...values: readonly number[]): Uint8Array => {
    const frame = paddedOffer(0);
    frame.set(values, IP + offset);
    const view = new DataView(frame.buffer);
    view.setUint16(IP + 10, 0);
    view.setUint16(IP + 10, checksum(frame.subarray(IP, IP + 20)));
    return frame;
  };

  it.each([
    ['the first fragment', 6, 0x20],
    ['a later fragment', 7, 0x10],
    ['a fragment that may not be fragmented', 6, 0x60],
    ['TCP', 9, 6],
    ['another version of IP', 0, 0x65],
  ])('is refused: %s', (_name, offset, value) => {
    expect(() => decodeFrame(changed(offset, value))).toThrow('not a whole UDP packet');
  });

  it('without a checksum of UDP is read', () => {
    expect(decodeFrame(changed(26, 0, 0)).source).toBe(SERVER);
  });

  it('with options of IP is read', () => {
    const plain = changed(0, 0x48);
    const options = fromHex('940400000101010101010100');
    const frame = Uint8Array.from([
      ...plain.subarray(0, IP + 20),
      ...options,
      ...plain.subarray(IP + 20),
    ]);
    const view = new DataView(frame.buffer);
    view.setUint16(IP + 2, view.getUint16(IP + 2) + options.length);
    view.setUint16(IP + 10, 0);
    view.setUint16(IP + 10, checksum(frame.subarray(IP, IP + 32)));
    expect(decodeMessage(decodeFrame(frame).payload)).toMatchObject({ yiaddr: ADDRESS });
  });
});
