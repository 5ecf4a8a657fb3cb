import { createHash, generateKeyPairSync, sign } from 'node:crypto';

import { ByteWriter, fromHex } from '@kios/bytes';

import { extend, replay } from './event-log.ts';
import type { Report } from './report.ts';

/** An entry of a log: the PCR, and the digest or what is hashed to it. */
export type Measured = readonly [pcr: number, what: Uint8Array | string];

const PCRS = [0, 2, 4, 7, 11, 12];
const sha256 = (...parts: readonly (Uint8Array | string)[]): Uint8Array => {
  const sum = createHash('sha256');
  for (const part of parts) sum.update(part);
  return new Uint8Array(sum.digest());
};
const digestOf = (what: Uint8Array | string): Uint8Array =>
  typeof what === 'string' ? sha256(what) : what;

/** Encodes a log as firmware does, with a bank of SHA-1 beside that of SHA-256. */
export function encodeLog(events: readonly Measured[]): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter();
  const spec = Buffer.from('Spec ID Event03\0');
  writer.bytes(fromHex(`00000000 03000000 ${'00'.repeat(20)} 25000000`));
  writer.bytes(new Uint8Array(spec));
  writer.bytes(fromHex('00000000 00020002 02000000 0400 1400 0b00 2000 00'));
  for (const [pcr, what] of events) {
    writer.bytes(Uint8Array.of(pcr, 0, 0, 0));
    writer.bytes(fromHex(`0d000000 02000000 0400 ${'00'.repeat(20)} 0b00`));
    writer.bytes(digestOf(what));
    writer.bytes(fromHex('02000000 aabb'));
  }
  return writer.finish();
}

/** A TPM in software, whose PCRs have been extended by these events, and by init at the end. */
export class SoftTpm {
  readonly #keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  readonly #events: readonly Measured[];
  /** TPMT_PUBLIC of its attestation key. */
  readonly public: Uint8Array<ArrayBuffer>;

  constructor(events: readonly Measured[]) {
    this.#events = events;
    const point = this.#keys.publicKey.export({ type: 'spki', format: 'der' }).subarray(-64);
    const writer = new ByteWriter();
    writer.bytes(fromHex('0023000b00050472000000100018000b00030010'));
    for (const half of [point.subarray(0, 32), point.subarray(32)]) {
      writer.u16(half.length);
      writer.bytes(new Uint8Array(half));
    }
    this.public = writer.finish();
  }

  /** Returns PCRs as they are after init. */
  pcrs(): Record<string, Uint8Array<ArrayBuffer>> {
    const events = this.#events.map(([pcr, what]) => ({ pcr, type: 13, digest: digestOf(what) }));
    const opened = sha256('kios: the data partition was opened');
    const values = PCRS.map((pcr) => {
      const value = replay(events, pcr);
      return [String(pcr), pcr === 11 ? extend(value, opened) : value] as const;
    });
    return Object.fromEntries(values);
  }

  /** Quotes as init does, bound to these bytes. `pcrs` are lies. */
  report(bound: Uint8Array, pcrs: Record<string, Uint8Array<ArrayBuffer>> = this.pcrs()): Report {
    const writer = new ByteWriter();
    writer.bytes(fromHex('ff544347 8018 0022 000b'));
    writer.bytes(sha256(fromHex('4000000b'), this.public));
    writer.u16(32);
    writer.bytes(sha256('kios.dev/attestation/v1\n', bound));
    writer.bytes(new Uint8Array(25));
    writer.bytes(fromHex('00000001 000b 03 951800 0020'));
    writer.bytes(sha256(...PCRS.map((pcr) => pcrs[String(pcr)] ?? new Uint8Array())));
    const attested = writer.finish();
    const key = { key: this.#keys.privateKey, dsaEncoding: 'ieee-p1363' } as const;
    const signature = new Uint8Array(sign('sha256', attested, key));
    return { v: 1, public: this.public, attested, signature, pcrs, log: encodeLog(this.#events) };
  }
}
