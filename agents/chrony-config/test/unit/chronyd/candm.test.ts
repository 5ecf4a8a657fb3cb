import { KiosError } from '@kios/errors';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  burstData,
  COMMAND,
  decodeFloat,
  decodeMeasurement,
  decodeReply,
  decodeSourceCount,
  decodeTracking,
  encodeRequest,
  indexData,
  onlineData,
} from '../../../src/core/chronyd/candm.ts';

const hex = (text: string): Uint8Array => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

/** A `tracking` reply as in candm.h: 192.0.2.1, stratum 9. The netns tests use a real chronyd. */
const HEADER = '06 02 00 00 0021 0005 0000 0000 0000 0000 01020304 00000000 00000000';
const BODY =
  'c0000201 c0000201000000000000000000000000 0001 0000 0009 0000 00000000 691e0000 00000000 ' +
  'e4800000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000';

/**
 * Replies of chronyd 4.6.1 that has begun to correct the clock by the 90 days by which 192.0.2.1 is ahead. 192.0.2.7
 * has the same time, 192.0.2.8 that of the clock; 192.0.2.9 and 2001:db8::9 are silent.
 */
const REAL = {
  tracking:
    '06020000002100050000000000000000010203040000000000000000c0000201c0000201000000000000000000000000' +
    '0001000000030000000000006b7f6efa23af71e230ed4e00e7340020e6cbffe0000000001155dcbd2af42400f0f9e3d3' +
    '04eda45a04eaecf8',
  count: '06020000000e0002000000000000000001020304000000000000000000000005',
  selected:
    '06020000000f00030000000000000000010203040000000000000000c000020100000000000000000000000000010000' +
    '00060002000000000000000f00000002deaf8e8ae6d6f8c8f2a28710',
  agreeing:
    '06020000000f00030000000000000000010203040000000000000000c000020700000000000000000000000000010000' +
    '00060002000500000000000f00000002ecda93e8ecf413e4f2a31d12',
  contradicting:
    '06020000000f00030000000000000000010203040000000000000000c000020800000000000000000000000000010000' +
    '00060002000200000000000f0000000130ed4e0030ed4e00f2a4c261',
  silent:
    '06020000000f00030000000000000000010203040000000000000000c000020900000000000000000000000000010000' +
    '000600000001000000000000ffffffff000000000000000000000000',
  silent6:
    '06020000000f0003000000000000000001020304000000000000000020010db800000000000000000000000900020000' +
    '000600000001000000000000ffffffff000000000000000000000000',
  noSuchSource: '06020000000f00010004000000000000010203040000000000000000',
} as const;
const DAY = 24 * 3600;

/** Returns whether the bytes decode to a value or fail with a KiosError. */
function outcome(bytes: Uint8Array): boolean {
  try {
    return typeof decodeTracking(decodeReply(bytes)).stratum === 'number';
  } catch (error) {
    return error instanceof KiosError;
  }
}

describe('the command protocol of chronyd', () => {
  it('encodes a reload as 28 bytes', () => {
    expect(Buffer.from(encodeRequest(COMMAND.reloadSources, 0x01020304)).toString('hex')).toBe(
      `06010000004600000102030400${'00'.repeat(15)}`,
    );
  });

  it('encodes the place of a source behind the header', () => {
    const request = encodeRequest(COMMAND.sourceData, 1, indexData(3));
    expect(request).toHaveLength(76);
    expect(Buffer.from(request).readInt32BE(20)).toBe(3);
  });

  it('encodes sources by address and a mask of all bits', () => {
    const [zeros, ones] = ['00'.repeat(12), 'ff'.repeat(4)];
    const v4 = `${ones}${zeros}00010000c0000201${zeros}00010000`;
    expect(Buffer.from(onlineData('192.0.2.1')).toString('hex')).toBe(v4);
    expect(Buffer.from(burstData('192.0.2.1', 4, 8)).toString('hex')).toBe(`${v4}0000000400000008`);
    const v6 = `20010db8${'00'.repeat(11)}0900020000`;
    expect(Buffer.from(onlineData('2001:db8::9')).toString('hex')).toBe(
      `${'ff'.repeat(16)}00020000${v6}`,
    );
    expect(encodeRequest(COMMAND.online, 1, onlineData('192.0.2.1'))).toHaveLength(60);
    expect(encodeRequest(COMMAND.burst, 1, burstData('::1', 4, 8))).toHaveLength(68);
  });

  it.each([
    ['the number of sources', decodeSourceCount],
    ['a measurement', decodeMeasurement],
  ])('refuses %s that is cut short', (_, decode) => {
    expect(() => decode(decodeReply(hex(HEADER)))).toThrow(
      expect.objectContaining({ code: 'KIOS_CHRONYD_REPLY' }),
    );
  });

  it('decodes the source that chronyd follows', () => {
    const reply = decodeReply(hex(HEADER + BODY));
    expect(reply).toMatchObject({ command: 33, sequence: 0x01020304, status: 0 });
    expect(decodeTracking(reply)).toMatchObject({ source: '192.0.2.1', stratum: 9 });
  });

  it('decodes the correction that chronyd has begun: how far the source is ahead', () => {
    const tracking = decodeTracking(decodeReply(hex(REAL.tracking)));
    expect(tracking).toEqual({ source: '192.0.2.1', stratum: 3, offset: 90 * DAY });
  });

  it.each([
    ['selected', '192.0.2.1', true, 0],
    ['agreeing', '192.0.2.7', true, 0],
    ['contradicting', '192.0.2.8', true, -90 * DAY],
    ['silent', '192.0.2.9', false, 0],
    ['silent6', '2001:db8::9', false, 0],
  ] as const)('decodes the measurement of a source that is %s', (name, source, reached, offset) => {
    const measurement = decodeMeasurement(decodeReply(hex(REAL[name])));
    expect(measurement).toMatchObject({ source, isReachable: reached });
    expect(measurement.offset).toBeCloseTo(offset, 2);
  });

  it('takes a source that replies with times that chronyd cannot use as not reached', () => {
    const text = REAL.silent.replace('0000ffffffff', '000fffffffff');
    expect(decodeMeasurement(decodeReply(hex(text))).isReachable).toBe(false);
  });

  it('decodes the number of sources, and that there is no such source', () => {
    expect(decodeSourceCount(decodeReply(hex(REAL.count)))).toBe(5);
    expect(decodeReply(hex(REAL.noSuchSource)).status).toBe(4);
  });

  it('pads a request to the length of its reply, as chronyd demands', () => {
    for (const [command, reply] of [
      [COMMAND.tracking, REAL.tracking],
      [COMMAND.countSources, REAL.count],
      [COMMAND.sourceData, REAL.selected],
    ] as const)
      expect(encodeRequest(command, 1)).toHaveLength(hex(reply).length);
  });

  it.each([
    [0x00000000, 0],
    [0x04800000, 1],
    [0x06800000, 2],
    [0x05000000, -2],
    [0x02800000, 0.5],
  ])('decodes the number %i as %d', (bits, value) => expect(decodeFloat(bits)).toBe(value));

  it.each([
    ['nothing', ''],
    ['half a header', HEADER.slice(0, 30)],
    ['another version', HEADER.replace('06', '05')],
    ['a request', HEADER.replace('06 02', '06 01')],
  ])('refuses %s', (_, text) => {
    expect(() => decodeReply(hex(text))).toThrow(
      expect.objectContaining({ code: 'KIOS_CHRONYD_REPLY' }),
    );
  });

  it('names a reference clock by its identifier', () => {
    const named = `${REAL.tracking.slice(0, 56)}50484330${'0'.repeat(40)}${REAL.tracking.slice(104)}`;
    const tracking = decodeTracking(decodeReply(hex(named)));
    expect(tracking).toMatchObject({ source: 'PHC0', offset: 90 * DAY });
    // It has its identifier in the place of an IPv4 address.
    const selected = REAL.selected
      .replace('c0000201', '50484330')
      .replace('00060002000000000000', '00060002000000020000');
    expect(decodeMeasurement(decodeReply(hex(selected))).source).toBe('PHC0');
  });

  it('follows nothing where it serves its own time', () => {
    const local = `${REAL.tracking.slice(0, 56)}7f7f0101${'0'.repeat(40)}${REAL.tracking.slice(104)}`;
    expect(decodeTracking(decodeReply(hex(local))).source).toBeUndefined();
  });

  it('refuses tracking data that is cut short', () => {
    expect(() => decodeTracking(decodeReply(hex(HEADER)))).toThrow(
      'the tracking data is cut short',
    );
  });

  it('decodes any bytes to a value or fails with a KiosError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(outcome(Buffer.concat([hex('0602'), bytes]))).toBe(true);
      }),
    );
  });
});
