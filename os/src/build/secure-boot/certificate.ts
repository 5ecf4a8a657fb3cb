import { createHash, createPublicKey, type KeyObject, randomBytes, sign } from 'node:crypto';

import {
  bits,
  boolean,
  explicit,
  generalizedTime,
  integer,
  nothing,
  octets,
  oid,
  sequence,
  setOf,
  utcTime,
  utf8,
} from '../formats/der.ts';

const OID = {
  sha256WithRsa: '1.2.840.113549.1.1.11',
  commonName: '2.5.4.3',
  subjectKeyIdentifier: '2.5.29.14',
  basicConstraints: '2.5.29.19',
} as const;
const VERSION_3 = 2n;
const SERIAL_BYTES = 16;
/** From here on a time has four digits of the year (RFC 5280, section 4.1.2.5). */
const FOUR_DIGITS = 2050;

/** Returns a time to the second, in universal time. */
export function encodeTime(time: Date): Buffer {
  const digits = `${time.toISOString().slice(0, 19).replaceAll(/\D/g, '')}Z`;
  return time.getUTCFullYear() < FOUR_DIGITS ? utcTime(digits.slice(2)) : generalizedTime(digits);
}

/** Its first bit is 0, so that the number is not negative, and the next one 1, so that it has one length. */
function makeSerial(): bigint {
  const bytes = randomBytes(SERIAL_BYTES);
  bytes[0] = (bytes[0]! & 0x3f) | 0x40;
  return BigInt(`0x${bytes.toString('hex')}`);
}

export interface CertificateRequest {
  readonly name: string;
  /** An RSA key, which signs its own certificate. */
  readonly key: KeyObject;
  readonly from: Date;
  readonly to: Date;
  /** Default: a random one. */
  readonly serial?: bigint;
}

const extension = (id: string, content: Uint8Array, isCritical = false): Buffer =>
  sequence(oid(id), ...(isCritical ? [boolean(true)] : []), octets(content));

/** Makes a certificate in DER form, of the form that `openssl req -x509` makes, which firmware takes (RFC 5280). */
export function makeCertificate(request: CertificateRequest): Buffer {
  const { name, key, from, to, serial = makeSerial() } = request;
  const algorithm = sequence(oid(OID.sha256WithRsa), nothing());
  const subject = sequence(setOf(sequence(oid(OID.commonName), utf8(name))));
  const publicKey = createPublicKey(key).export({ type: 'spki', format: 'der' });
  const keyId = createHash('sha1').update(publicKey).digest();
  const signed = sequence(
    explicit(0, integer(VERSION_3)),
    integer(serial),
    algorithm,
    subject,
    sequence(encodeTime(from), encodeTime(to)),
    subject,
    publicKey,
    explicit(
      3,
      sequence(
        extension(OID.subjectKeyIdentifier, octets(keyId)),
        extension(OID.basicConstraints, sequence(boolean(true)), true),
      ),
    ),
  );
  return sequence(signed, algorithm, bits(sign('sha256', signed, key)));
}

/** Returns a certificate in PEM form. */
export function toPem(certificate: Uint8Array): string {
  const lines =
    Buffer.from(certificate)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}
