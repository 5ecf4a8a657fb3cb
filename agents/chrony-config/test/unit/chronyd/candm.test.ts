import { KiosError } from '@kios/errors';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  COMMAND,
  decodeFloat,
  decodeMeasurement,
  decodeReply,
  decodeSourceCount,
  decodeTracking,
  encodeRequest,
} from '../../../src/core/chronyd/candm.ts';

const hex = (text: string): Uint8Array => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

/** A `tracking` reply as in candm.h: 192.0.2.1, stratum 9. The netns tests use a real chronyd. */
const HEADER = '06 02 00 00 0021 0005 0000 0000 0000 0000 01020304 00000000 00000000';
const BODY =
  'c0000201 c0000201000000000000000000000000 0001 0000 0009 0000 00000000 691e0000 00000000 ' +
  'e4800000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000';

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
    const request = encodeRequest(COMMAND.sourceData, 1, 3);
    expect(request).toHaveLength(76);
    expect(Buffer.from(request).readInt32BE(20)).toBe(3);
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
