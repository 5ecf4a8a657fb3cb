import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

import { signedParts } from '../../src/core/signature/judge.ts';
import { smallEfi } from './small-efi.ts';

/** Builds what sbsign builds, from DER up, so that tests can leave out or change any part of it. */

function value(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const whole = Buffer.concat(content);
  const { length } = whole;
  const lengths = length < 0x80 ? [length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...lengths]), whole]);
}

const sequence = (...content: readonly Uint8Array[]): Buffer => value(0x30, ...content);
const setOf = (...content: readonly Uint8Array[]): Buffer => value(0x31, ...content);
const octets = (content: Uint8Array): Buffer => value(0x04, content);
const number = (content: number): Buffer => value(0x02, Buffer.from([content]));
const oid = (hex: string): Buffer => value(0x06, Buffer.from(hex, 'hex'));
const nothing = value(0x05);
const SHA256 = '608648016503040201';
const SHA1 = '2b0e03021a';
const RSA = '2a864886f70d010101';

export const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

/** An RSA key with a certificate of its own. */
export interface TestKey {
  readonly key: KeyObject;
  readonly certificate: Buffer;
  readonly fingerprint: string;
}

export function makeTestKey(): TestKey {
  const { privateKey: key, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const algorithm = sequence(oid('2a864886f70d01010b'), nothing);
  const name = sequence(setOf(sequence(oid('550403'), value(0x0c, Buffer.from('test')))));
  const time = value(0x17, Buffer.from('250101000000Z'));
  const signed = sequence(
    number(1),
    algorithm,
    name,
    sequence(time, value(0x17, Buffer.from('450101000000Z'))),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
  );
  const signature = value(0x03, Buffer.from([0]), sign('sha256', signed, key));
  const certificate = sequence(signed, algorithm, signature);
  return { key, certificate, fingerprint: sha256(certificate).toString('hex') };
}

export interface Signing {
  readonly by: TestKey;
  /** SHA-256 of the program; another one makes a signature of another program. */
  readonly digest: Uint8Array;
  /** Default: that of `by`. */
  readonly certificate?: Buffer;
  readonly algorithm?: 'sha256' | 'sha1';
  /** In place of the digest of the content. */
  readonly contentDigest?: Uint8Array;
}

/** Makes one entry of a program's table of signatures. */
export function makeSignature(signing: Signing): Buffer {
  const { by, digest, certificate = by.certificate, algorithm = 'sha256' } = signing;
  const hash = sequence(oid(algorithm === 'sha256' ? SHA256 : SHA1), nothing);
  const data = sequence(oid('2b06010401823702010f'), sequence());
  const content = sequence(data, sequence(hash, octets(digest)));
  // The tag and the length of the content are not part of what is hashed.
  const { contentDigest = sha256(content.subarray(content[1] === 0x82 ? 4 : 2)) } = signing;
  const attributes = [
    sequence(oid('2a864886f70d010903'), setOf(oid('2b060104018237020104'))),
    sequence(oid('2a864886f70d010904'), setOf(octets(contentDigest))),
  ];
  const signer = sequence(
    number(1),
    sequence(sequence(), number(1)),
    hash,
    value(0xa0, ...attributes),
    sequence(oid(RSA), nothing),
    octets(sign('sha256', setOf(...attributes), by.key)),
  );
  const signedData = sequence(
    number(1),
    setOf(hash),
    sequence(oid('2b060104018237020104'), value(0xa0, content)),
    value(0xa0, certificate),
    setOf(signer),
  );
  const pkcs7 = sequence(oid('2a864886f70d010702'), value(0xa0, signedData));
  return entry(pkcs7);
}

/** Puts bytes into a table of signatures. */
export function entry(content: Uint8Array, kind = 2): Buffer {
  const file = Buffer.alloc(Math.ceil((8 + content.length) / 8) * 8);
  file.writeUInt32LE(8 + content.length);
  file.writeUInt16LE(0x200, 4);
  file.writeUInt16LE(kind, 6);
  file.set(content, 8);
  return file;
}

/** Returns the digest that a signature of this file is of. */
export function programDigest(file: Uint8Array): Buffer {
  const parts = signedParts(file);
  if (typeof parts === 'string') throw new Error(parts);
  return sha256(Buffer.concat(parts.hashed.map(({ start, end }) => file.subarray(start, end))));
}

/** Makes a small system with these entries behind its sections. */
export function signedEfi(make: (digest: Uint8Array) => readonly Buffer[]): Buffer {
  const length = Buffer.concat([...make(Buffer.alloc(32))]).length;
  const file = smallEfi({ signed: length });
  file.set(Buffer.concat([...make(programDigest(file))]), file.length - length);
  return file;
}
