import { ByteReader, DecodeError, toHex } from '@kios/bytes';

import { type Der, expectTag, firstIn, inside, TAG } from './der.ts';

/** Object identifiers, as they lie in a file. */
const OID = {
  signedData: '2a864886f70d010702',
  /** SPC_INDIRECT_DATA: the digest of a program. */
  program: '2b060104018237020104',
  sha256: '608648016503040201',
  messageDigest: '2a864886f70d010904',
} as const;

/** Length, revision and kind of an entry (Microsoft PE/COFF, "Attribute Certificate Table"). */
const ENTRY_HEADER = 8;
const ENTRY_ALIGNMENT = 8;
const REVISION = 0x0200;
const PKCS_SIGNED_DATA = 2;

interface SignedBy {
  /** What the key has signed. */
  readonly attributes: Uint8Array;
  /** Of `content`, as `attributes` have it. */
  readonly contentDigest: Uint8Array;
  readonly signature: Uint8Array;
}

/** One signature of a program (Microsoft, "Windows Authenticode Portable Executable Signature Format"). */
export interface SignedData {
  /** The program's SHA-256, without what a signature changes. */
  readonly digest: Uint8Array;
  /** The bytes that have this digest in them. */
  readonly content: Uint8Array;
  /** In DER form. */
  readonly certificates: readonly Uint8Array[];
  readonly signers: readonly SignedBy[];
}

function expectOid(value: Der | undefined, oid: string): void {
  const found = toHex(expectTag(value, TAG.oid).content);
  if (found !== oid) throw new DecodeError(`decode a signature: ${found} in place of ${oid}`);
}

/** SignerInfo (RFC 2315, section 9.2). */
function parseSigner(value: Der): SignedBy {
  const [, , algorithm, attributes, , signature] = inside(value, TAG.sequence);
  expectOid(inside(algorithm, TAG.sequence)[0], OID.sha256);
  const named = inside(attributes, TAG.field).map((attribute) => inside(attribute, TAG.sequence));
  const found = named.find(([oid]) => toHex(expectTag(oid, TAG.oid).content) === OID.messageDigest);
  const [digest] = inside(found?.[1], TAG.set);
  // They are signed as the set that they are, not as a numbered field.
  const signed = expectTag(attributes, TAG.field).whole.slice();
  signed[0] = TAG.set;
  return {
    attributes: signed,
    contentDigest: expectTag(digest, TAG.octets).content,
    signature: expectTag(signature, TAG.octets).content,
  };
}

/** SpcIndirectDataContent, whose second part is the digest. */
function parseDigest(content: Der | undefined): Uint8Array {
  const [, digestInfo] = inside(content, TAG.sequence);
  const [algorithm, digest] = inside(digestInfo, TAG.sequence);
  expectOid(inside(algorithm, TAG.sequence)[0], OID.sha256);
  return expectTag(digest, TAG.octets).content;
}

function parseSignedData(bytes: Uint8Array): SignedData {
  const [kind, wrapped] = inside(firstIn(bytes), TAG.sequence);
  expectOid(kind, OID.signedData);
  const [data] = inside(wrapped, TAG.field);
  const [, , contentInfo, ...rest] = inside(data, TAG.sequence);
  const [contentKind, wrappedContent] = inside(contentInfo, TAG.sequence);
  expectOid(contentKind, OID.program);
  const [content] = inside(wrappedContent, TAG.field);
  const certificates = rest.find(({ tag }) => tag === TAG.field);
  return {
    digest: parseDigest(content),
    content: expectTag(content, TAG.sequence).content,
    certificates: inside(certificates, TAG.field).map(({ whole }) => whole),
    signers: inside(rest.at(-1), TAG.set).map(parseSigner),
  };
}

/** Returns the signatures in a program's table of them. */
export function parseSignatures(table: Uint8Array): SignedData[] {
  const reader = new ByteReader(table);
  const found: SignedData[] = [];
  while (reader.remaining >= ENTRY_HEADER) {
    const length = reader.u32le();
    const isOurs = reader.u16le() === REVISION && reader.u16le() === PKCS_SIGNED_DATA;
    if (!isOurs || length < ENTRY_HEADER)
      throw new DecodeError('decode a signature: it is of an unknown kind');
    found.push(parseSignedData(reader.bytes(length - ENTRY_HEADER)));
    const over = length % ENTRY_ALIGNMENT;
    if (over > 0) reader.skip(Math.min(ENTRY_ALIGNMENT - over, reader.remaining));
  }
  return found;
}
