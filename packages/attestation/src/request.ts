import { createPublicKey, type KeyObject, verify } from 'node:crypto';

import { DecodeError, fromHex } from '@kios/bytes';

/** The signer of client certificates of nodes, and what they are for, as kubelet asks it with a key on P-256. */
export const NODE_SIGNER = 'kubernetes.io/kube-apiserver-client-kubelet';
export const NODE_USAGES = ['digital signature', 'client auth'] as const;

/** Types of ASN.1 (DER, X.690). */
const TAG = { integer: 0x02, bits: 0x03, utf8: 0x0c, sequence: 0x30, set: 0x31, attributes: 0xa0 };
/** Of P-256, SubjectPublicKeyInfo has always so many bytes. */
const SPKI_BYTES = 91;
const NODE_PREFIX = 'system:node:';
const ORGANIZATION = fromHex('0603 55040a');
const COMMON_NAME = fromHex('0603 550403');
/** ecdsa-with-SHA256 (RFC 5758). */
const ALGORITHM = fromHex('300a 0608 2a8648ce3d040302');
const PEM =
  /^-----BEGIN CERTIFICATE REQUEST-----\n([A-Za-z0-9+/\n]+={0,2})\n-----END CERTIFICATE REQUEST-----\n?$/;

function lengthOf(size: number): Uint8Array {
  if (size < 0x80) return Uint8Array.of(size);
  return size < 0x100 ? Uint8Array.of(0x81, size) : Uint8Array.of(0x82, size >> 8, size & 0xff);
}

function tagged(tag: number, ...content: readonly Uint8Array[]): Uint8Array {
  const whole = Buffer.concat(content);
  return new Uint8Array(Buffer.concat([Uint8Array.of(tag), lengthOf(whole.length), whole]));
}

const named = (attribute: Uint8Array, text: string): Uint8Array =>
  tagged(TAG.set, tagged(TAG.sequence, attribute, tagged(TAG.utf8, Buffer.from(text))));

/**
 * Returns what a kiOS node signs to ask for its certificate: CertificationRequestInfo of PKCS #10 (RFC 2986) for this
 * name and SubjectPublicKeyInfo of a key on P-256, without attributes.
 */
export function requestInfo(node: string, spki: Uint8Array): Uint8Array {
  const subject = tagged(
    TAG.sequence,
    named(ORGANIZATION, 'system:nodes'),
    named(COMMON_NAME, `${NODE_PREFIX}${node}`),
  );
  const version = tagged(TAG.integer, Uint8Array.of(0));
  return tagged(TAG.sequence, version, subject, spki, tagged(TAG.attributes));
}

/** Returns a request in PEM form. The signature is of `requestInfo`, by ECDSA with SHA-256, in DER form. */
export function certificateRequest(info: Uint8Array, signature: Uint8Array): string {
  const bits = tagged(TAG.bits, Uint8Array.of(0), signature);
  const text = Buffer.from(tagged(TAG.sequence, info, ALGORITHM, bits)).toString('base64');
  const lines = text.match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE REQUEST-----\n${lines.join('\n')}\n-----END CERTIFICATE REQUEST-----\n`;
}

function publicKey(spki: Uint8Array): KeyObject {
  try {
    return createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  } catch {
    throw new DecodeError('decode a request: its key is none on P-256');
  }
}

function decodePem(pem: string): Uint8Array {
  const [, text] = PEM.exec(pem) ?? [];
  if (text === undefined)
    throw new DecodeError('decode a request: it is not one request in PEM form');
  return new Uint8Array(Buffer.from(text, 'base64'));
}

/** Returns the name of the node that a request seems to be for: `requestOf` says whether it is. */
export function nodeIn(pem: string): string {
  const der = Buffer.from(decodePem(pem));
  const at = der.indexOf(NODE_PREFIX, 0, 'latin1');
  // The byte before a text is its length, or ends it.
  const length = at < 1 ? 0 : der.readUInt8(at - 1);
  const name = der.toString('latin1', at + NODE_PREFIX.length, at + length);
  if (/^[a-z0-9][a-z0-9.-]*$/.test(name)) return name;
  throw new DecodeError('decode a request: it is for no node');
}

/** Returns the bytes before the content of a value. */
const headOf = (der: Uint8Array): number => {
  const [, length = 0] = der;
  return length < 0x80 ? 2 : 2 + (length & 0x7f);
};

/**
 * Returns the SubjectPublicKeyInfo of a node's request. Only what a kiOS node of this name writes is read, byte for
 * byte: whatever else a request could say cannot be in it.
 */
export function requestOf(pem: string, node: string): Uint8Array {
  const der = decodePem(pem);
  const content = der.slice(headOf(der));
  // The key is followed by the attributes, two bytes that end the info.
  const end = requestInfo(node, new Uint8Array(SPKI_BYTES)).length - 2;
  const spki = content.slice(end - SPKI_BYTES, end);
  const info = requestInfo(node, spki);
  const bits = content.slice(info.length + ALGORITHM.length);
  const signature = bits.slice(headOf(bits) + 1);
  // Written again, each byte is accounted for.
  if (
    pem === certificateRequest(info, signature) &&
    verify('sha256', info, publicKey(spki), signature)
  )
    return spki;
  throw new DecodeError(`decode a request: it is not as a kiOS node named ${node} writes it`);
}
