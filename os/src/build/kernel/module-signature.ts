import { createHash } from 'node:crypto';

import {
  bits,
  explicit,
  generalizedTime,
  integer,
  octets,
  oid,
  sequence,
  setOf,
  utcTime,
  utf8,
} from '../formats/der.ts';
import {
  add,
  GENERATOR,
  inverse,
  modulo,
  multiply,
  negate,
  ORDER,
  pointAt,
} from '../formats/p256.ts';
import type { Point } from '../formats/p256.ts';

/**
 * Signatures of kernel modules without a private key. A key made for a build would have to be kept secret or thrown
 * away, and no two builds would be equal. ECDSA works in the other direction too: choose the signature first, and
 * compute from it and the module's digest the only public key under which it is valid. The signature's point is a hash,
 * so nobody knows its discrete logarithm; therefore nobody knows the private key, and nobody can sign a second module
 * with it. The kernel holds one such key for each of its modules: a list of digests in the only form that an unpatched
 * kernel accepts.
 */

const OID = {
  commonName: '2.5.4.3',
  ecPublicKey: '1.2.840.10045.2.1',
  prime256v1: '1.2.840.10045.3.1.7',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  sha256: '2.16.840.1.101.3.4.2.1',
  data: '1.2.840.113549.1.7.1',
  signedData: '1.2.840.113549.1.7.2',
} as const;

const sha256 = (...parts: readonly (Uint8Array | string)[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};
const toNumber = (bytes: Buffer): bigint => BigInt(`0x${bytes.toString('hex')}`);
const toBytes = (value: bigint): Buffer => Buffer.from(value.toString(16).padStart(64, '0'), 'hex');

/** Returns the signature's point: the first in a series of hashes that is an x coordinate of the curve. */
function hashedPoint(digest: Buffer): Point {
  for (let count = 0; ; count += 1) {
    const point = pointAt(toNumber(sha256('kios module point', digest, String(count))));
    if (point !== undefined) return point;
  }
}

/** Returns the signature (r, s) of a digest and its only public key, r⁻¹(sR − zG). SEC 1, section 4.1.6. */
function keyOf(digest: Buffer): { readonly key: Point; readonly signature: Buffer } {
  const point = hashedPoint(digest);
  const r = modulo(point.x, ORDER);
  const s = modulo(toNumber(sha256('kios module s', digest)), ORDER);
  const z = modulo(toNumber(digest), ORDER);
  const difference = add(multiply(point, s), negate(multiply(GENERATOR, z)));
  const key = multiply(difference, inverse(r, ORDER));
  return { key, signature: sequence(integer(r), integer(s)) };
}

const name = (text: string): Buffer => sequence(setOf(sequence(oid(OID.commonName), utf8(text))));

/** Differs from the subject, because the kernel verifies the signature of a certificate that is its own issuer. */
const ISSUER = name(
  'kiOS: nobody. The private key of this certificate is not known to anyone, see docs/kernel.md',
);
const ECDSA = sequence(oid(OID.ecdsaWithSha256));

/**
 * Years before 2050 are in the short form (RFC 5280, section 4.1.2.5); the kernel rejects a certificate with the long
 * one.
 */
const VALIDITY = sequence(utcTime('700101000000Z'), generalizedTime('99991231235959Z'));

/** The serial number by which the kernel finds the certificate. */
const serialOf = (digest: Buffer): Buffer => integer(toNumber(digest.subarray(0, 16)));

/**
 * Makes an X.509 certificate (RFC 5280) with only the fields that the kernel reads and a signature that is not valid.
 */
function certificateOf(file: string, digest: Buffer, key: Point): Buffer {
  const algorithm = sequence(oid(OID.ecPublicKey), oid(OID.prime256v1));
  const publicKey = bits(Buffer.concat([Buffer.from([4]), toBytes(key.x), toBytes(key.y)]));
  const body = sequence(
    explicit(0, integer(2n)),
    serialOf(digest),
    ECDSA,
    ISSUER,
    VALIDITY,
    name(file),
    sequence(algorithm, publicKey),
  );
  return sequence(body, ECDSA, bits(sequence(integer(1n), integer(1n))));
}

/** Encodes PKCS #7 signed data (RFC 2315) with detached content, without certificates and attributes. */
const messageOf = (digest: Buffer, signature: Buffer): Buffer =>
  sequence(
    oid(OID.signedData),
    explicit(
      0,
      sequence(
        integer(1n),
        setOf(sequence(oid(OID.sha256))),
        sequence(oid(OID.data)),
        setOf(
          sequence(
            integer(1n),
            sequence(ISSUER, serialOf(digest)),
            sequence(oid(OID.sha256)),
            ECDSA,
            octets(signature),
          ),
        ),
      ),
    ),
  );

/**
 * A signed module ends in the signature, a record of its type and size, and this text
 * (include/linux/module_signature.h).
 */
const MAGIC = Buffer.from('~Module signature appended~\n');
const RECORD = 12;
const PKCS7 = 2;

function trailer(size: number): Buffer {
  const record = Buffer.alloc(RECORD);
  record.writeUInt8(PKCS7, 2);
  record.writeUInt32BE(size, 8);
  return Buffer.concat([record, MAGIC]);
}

export interface SignedModule {
  /** The module with its signature appended. */
  readonly bytes: Buffer;
  /** The certificate, in DER, that the kernel must trust to load the module. */
  readonly certificate: Buffer;
}

/** Signs a stripped module. Equal bytes give equal signatures and certificates everywhere. */
export function signModule(file: string, module: Uint8Array): SignedModule {
  const digest = sha256(module);
  const { key, signature } = keyOf(digest);
  const message = messageOf(digest, signature);
  return {
    bytes: Buffer.concat([module, message, trailer(message.length)]),
    certificate: certificateOf(file, digest, key),
  };
}

/** Returns a module without the signature appended to it, and any other file as it is. docs/decisions/0008 says why. */
export function withoutSignature(module: Buffer): Buffer {
  const end = module.length - MAGIC.length - RECORD;
  if (end < 0 || !module.subarray(end + RECORD).equals(MAGIC)) return module;
  const start = end - module.readUInt32BE(end + 8);
  return start < 0 ? module : module.subarray(0, start);
}

/** Formats certificates as the kernel's build reads them. */
export const toPem = (certificates: readonly Buffer[]): string =>
  certificates
    .map((der) => der.toString('base64').replaceAll(/.{1,64}/g, '$&\n'))
    .map((text) => `-----BEGIN CERTIFICATE-----\n${text}-----END CERTIFICATE-----\n`)
    .join('');
