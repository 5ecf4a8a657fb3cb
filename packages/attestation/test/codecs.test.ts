import { generateKeyPairSync, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';

import { DecodeError } from '@kios/bytes';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import { decodeKey } from '../src/attestation-key.ts';
import { decodeEventLog, replay, trimLog } from '../src/event-log.ts';
import {
  certificateRequest,
  faultOf,
  formatReport,
  nodeIn,
  parseReport,
  requestInfo,
  requestOf,
} from '../src/index.ts';
import { decodeQuote } from '../src/quote.ts';
import { encodeLog, SoftTpm } from '../src/testing.ts';

const tpm = new SoftTpm([
  [4, 'program'],
  [11, 'system'],
]);
const report = tpm.report(Uint8Array.of(1));

const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const spki = new Uint8Array(keys.publicKey.export({ type: 'spki', format: 'der' }));
const requestFor = (node: string, key = keys.privateKey): string => {
  const info = requestInfo(node, spki);
  return certificateRequest(info, new Uint8Array(sign('sha256', info, key)));
};

/** Returns what is wrong with an answer to bytes, which is a value or a DecodeError. */
function answer(decode: (bytes: Uint8Array) => unknown, bytes: Uint8Array): unknown {
  try {
    decode(bytes);
    return undefined;
  } catch (error) {
    return error instanceof DecodeError ? undefined : error;
  }
}

const DECODERS = [
  ['a key', decodeKey, report.public],
  ['a quote', decodeQuote, report.attested],
  ['a log', decodeEventLog, report.log],
] as const;

it.each(DECODERS)('%s of any bytes is a value or a DecodeError', (_name, decode, valid) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(answer(decode, bytes)).toBeUndefined();
    }),
  );
  fc.assert(
    fc.property(fc.nat(valid.length - 1), fc.integer({ min: 0, max: 255 }), (at, byte) => {
      const changed = valid.slice();
      changed[at] = byte;
      expect(answer(decode, changed)).toBeUndefined();
    }),
  );
});

/** The first entry of a log of `encodeLog`, and each other one. */
const HEAD_BYTES = 69;
const EVENT_BYTES = 74;

it.each(DECODERS)('%s that is cut off anywhere is refused', (_name, decode, valid) => {
  const lengths = Array.from(valid.keys()).filter(
    (length) => decode !== decodeEventLog || (length - HEAD_BYTES) % EVENT_BYTES !== 0,
  );
  for (const length of lengths) expect(() => decode(valid.slice(0, length))).toThrow(DecodeError);
});

it('a quote whose bytes were changed anywhere is a fault', () => {
  const known = { machines: new Map(), systems: new Map(), programs: new Set<string>() };
  fc.assert(
    fc.property(fc.nat(report.attested.length - 1), fc.integer({ min: 1, max: 255 }), (at, by) => {
      const attested = report.attested.slice();
      attested[at] = (attested[at] ?? 0) ^ by;
      const presented = { node: 'n', report: { ...report, attested }, bound: Uint8Array.of(1) };
      expect(faultOf(presented, known)).toBeDefined();
    }),
  );
});

it('a trimmed log has the entries that are judged, and leads to the same values', () => {
  const log = encodeLog([
    [7, 'SecureBoot'],
    [4, 'program'],
    [1, 'Boot0001'],
    [11, 'system'],
    [12, 'words'],
  ]);
  const trimmed = trimLog(log);
  expect(decodeEventLog(trimmed).map(({ pcr }) => pcr)).toEqual([4, 11, 12]);
  for (const pcr of [4, 11, 12])
    expect(replay(decodeEventLog(trimmed), pcr)).toEqual(replay(decodeEventLog(log), pcr));
  expect(trimLog(trimmed)).toEqual(trimmed);
  expect(() => trimLog(log.slice(0, -1))).toThrow(DecodeError);
});

it('entries that extend nothing do not count, and each PCR has its own', () => {
  const log = encodeLog([
    [4, 'a'],
    [11, 'b'],
  ]);
  const first = log.slice();
  first[HEAD_BYTES + 4] = 3; // the type of the first entry
  expect(decodeEventLog(log)).toHaveLength(2);
  expect(decodeEventLog(first).map(({ pcr }) => pcr)).toEqual([11]);
  expect(replay(decodeEventLog(first), 4)).toEqual(new Uint8Array(32));
});

it('a report is read as it was written', () => {
  expect(parseReport(formatReport(report))).toEqual(report);
  for (const text of ['', '{}', '[]', formatReport(report).replace('"log":"', '"log":"!')])
    expect(() => parseReport(text)).toThrow(DecodeError);
  expect(() => parseReport(' '.repeat(256 * 1024 + 1))).toThrow('it is too long');
});

it.each([1, 20, 63, 100, 243])('a request for a name of %d characters is read', (length) => {
  const node = 'n'.repeat(length);
  expect(nodeIn(requestFor(node))).toBe(node);
  expect(requestOf(requestFor(node), node)).toEqual(spki);
});

it('a request is one for OpenSSL and Go, too: both have verified this one', () => {
  const pem = readFileSync(path.join(import.meta.dirname, 'vectors/request.pem'), 'utf8');
  expect(nodeIn(pem)).toBe('node-1');
  expect(requestOf(pem, 'node-1')).toHaveLength(91);
});

it('a request for another name, by another key or with anything else is refused', () => {
  const pem = requestFor('node-1');
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  for (const [text, node] of [
    [pem, 'node-2'],
    [pem, 'node-10'],
    [requestFor('node-1', other), 'node-1'],
    [`${pem}${pem}`, 'node-1'],
    [`x\n${pem}`, 'node-1'],
    [pem.replace('\n', '\n\n'), 'node-1'],
    [pem.replace(/[A-Za-z0-9]{4}\n/, '\n'), 'node-1'],
    ['', 'node-1'],
  ] as const)
    expect(() => requestOf(text, node)).toThrow(DecodeError);
});

it('a request of any bytes is refused by a DecodeError', () => {
  const head = '-----BEGIN CERTIFICATE REQUEST-----\n';
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 400 }), (bytes) => {
      const text = Buffer.from(bytes).toString('base64');
      const pem = `${head}${text}\n-----END CERTIFICATE REQUEST-----\n`;
      expect(() => requestOf(pem, 'node-1')).toThrow(DecodeError);
      expect(() => nodeIn(pem)).toThrow(DecodeError);
    }),
  );
});
