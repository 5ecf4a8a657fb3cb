import { createHash, createPublicKey, type KeyObject } from 'node:crypto';

import { ByteReader, DecodeError, fromHex, toHex } from '@kios/bytes';

/**
 * The head of TPMT_PUBLIC (TPM 2.0 library specification, part 2, section 12.2.4) of the key that init has a TPM make:
 * an ECC key named by SHA-256 that stays in its TPM, was made there and signs only what the TPM says (fixedTPM,
 * fixedParent, sensitiveDataOrigin, userWithAuth, noDA, restricted, sign), without a policy, by ECDSA with SHA-256, on
 * P-256.
 */
const HEAD = fromHex('0023000b00050472000000100018000b00030010');
const COORDINATE_BYTES = 32;
/** SubjectPublicKeyInfo of an uncompressed point on P-256, without the point (RFC 5480). */
const SPKI_HEAD = fromHex('3059301306072a8648ce3d020106082a8648ce3d03010703420004');

/** Returns the name of a key, by which people know its machine: the SHA-256 of TPMT_PUBLIC. */
export const nameOfKey = (tpmtPublic: Uint8Array): string =>
  createHash('sha256').update(tpmtPublic).digest('hex');

/** TPMs may leave out zeros at the start. */
function coordinate(reader: ByteReader): Uint8Array {
  const size = reader.u16();
  if (size > COORDINATE_BYTES) throw new DecodeError('decode a key: a coordinate is too long');
  const value = new Uint8Array(COORDINATE_BYTES);
  value.set(reader.bytes(size), COORDINATE_BYTES - size);
  return value;
}

/** Decodes the key of a report; one of any other kind is refused, because it may sign what the TPM did not say. */
export function decodeKey(tpmtPublic: Uint8Array): KeyObject {
  const reader = new ByteReader(tpmtPublic);
  if (toHex(reader.bytes(HEAD.length)) !== toHex(HEAD))
    throw new DecodeError('decode a key: it is not one that signs only what its TPM says');
  const point = [coordinate(reader), coordinate(reader)];
  reader.expectEnd();
  try {
    const key = Buffer.concat([SPKI_HEAD, ...point]);
    return createPublicKey({ key, format: 'der', type: 'spki' });
  } catch {
    throw new DecodeError('decode a key: it is no point of its curve');
  }
}
