import { DecodeError, toHex } from '@kios/bytes';

import { readHeaders } from '../image/pe.ts';
import { parseSignatures, type SignedData } from './signed-data.ts';

/** A part of a file, from its first byte to the one before `end`. */
export interface Part {
  readonly start: number;
  readonly end: number;
}

/** The parts of a program that its signature is of, and where that is. */
export interface Signed {
  readonly hashed: readonly Part[];
  readonly table: Part;
}

/** What node:crypto does. */
export interface Crypto {
  sha256(bytes: Uint8Array): Uint8Array;
  /** Whether the RSA key of a certificate has signed these bytes, with SHA-256. */
  hasSigned(certificate: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean;
}

const CHECKSUM_BYTES = 4;
const DIRECTORY_BYTES = 8;

/**
 * Returns what a program's signature is of: all but the checksum, the place of the signature and itself; or why it has
 * none that counts. Firmware leaves out what lies between two sections; in a system nothing does.
 */
export function signedParts(head: Uint8Array): Signed | string {
  const headers = readHeaders(head);
  if (headers === undefined || headers.signedStart === 0) return 'it is not signed';
  const { sections, sizeOfHeaders, checksumAt, directoryAt, signedStart, signedEnd } = headers;
  let end = sizeOfHeaders;
  const onDisk = sections.filter((section) => section.end > section.start);
  for (const section of onDisk.toSorted((one, other) => one.start - other.start)) {
    if (section.start !== end) return 'its sections do not follow one another';
    ({ end } = section);
  }
  if (signedStart < end) return 'its signature lies in its sections';
  const hashed = [
    { start: 0, end: checksumAt },
    { start: checksumAt + CHECKSUM_BYTES, end: directoryAt },
    { start: directoryAt + DIRECTORY_BYTES, end: signedStart },
  ];
  return { hashed, table: { start: signedStart, end: signedEnd } };
}

const equal = (one: Uint8Array, other: Uint8Array): boolean => toHex(one) === toHex(other);

/** Whether one of these certificates has made a signature, and of what it says that it is of. */
function isMadeBy(data: SignedData, certificates: readonly Uint8Array[], crypto: Crypto): boolean {
  const contentDigest = crypto.sha256(data.content);
  return data.signers.some(
    (signer) =>
      equal(signer.contentDigest, contentDigest) &&
      certificates.some((one) => crypto.hasSigned(one, signer.attributes, signer.signature)),
  );
}

function faultOf(
  signatures: readonly SignedData[],
  digest: Uint8Array,
  trusted: readonly string[],
  crypto: Crypto,
): string | undefined {
  const ofThis = signatures.filter((data) => equal(data.digest, digest));
  if (ofThis.length === 0) return 'its signature is of other bytes';
  const fingerprint = (certificate: Uint8Array): string => toHex(crypto.sha256(certificate));
  const known = ofThis.map(({ certificates }) =>
    certificates.filter((certificate) => trusted.includes(fingerprint(certificate))),
  );
  if (known.every((certificates) => certificates.length === 0)) {
    const named = ofThis.flatMap(({ certificates }) => certificates.map(fingerprint));
    return `it is signed by the certificate ${named.join(', ')}, which this machine does not trust`;
  }
  const isMade = ofThis.some((data, index) => isMadeBy(data, known[index] ?? [], crypto));
  return isMade ? undefined : 'its signature was not made by the key of its certificate';
}

/**
 * Says why firmware with Secure Boot would not start a program with this digest and table of signatures; undefined when
 * it would. `trusted` are SHA-256s of certificates, of which one must have signed it itself.
 */
export function signatureFault(
  table: Uint8Array,
  digest: Uint8Array,
  trusted: readonly string[],
  crypto: Crypto,
): string | undefined {
  try {
    return faultOf(parseSignatures(table), digest, trusted, crypto);
  } catch (error) {
    if (error instanceof DecodeError) return `its signature cannot be read: ${error.message}`;
    throw error;
  }
}
