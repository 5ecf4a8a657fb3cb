import { ByteReader, DecodeError } from '@kios/bytes';

/** The part of TPMS_ATTEST that a judgement needs (TPM 2.0 library specification, part 2, section 10.12.12). */
export interface Quote {
  /** What the quote is bound to. */
  readonly extraData: Uint8Array;
  /** The quoted PCRs of the bank for SHA-256, in rising order. */
  readonly pcrs: readonly number[];
  /** The SHA-256 of their values, one after the other. */
  readonly digest: Uint8Array;
}

/** TPM_GENERATED_VALUE: what a restricted key does not sign for anybody but its TPM. */
const GENERATED = 0xff544347;
const ATTEST_QUOTE = 0x8018;
const SHA256 = 0x000b;
/** TPMS_CLOCK_INFO and the version of the TPM's firmware. */
const CLOCK_BYTES = 8 + 4 + 4 + 1;
const VERSION_BYTES = 8;

const sized = (reader: ByteReader): Uint8Array => reader.bytes(reader.u16());

function selectedPcrs(reader: ByteReader): readonly number[] {
  if (reader.u32() !== 1 || reader.u16() !== SHA256)
    throw new DecodeError('decode a quote: it is of other PCRs than those of SHA-256');
  const map = reader.bytes(reader.u8());
  return [...map].flatMap((byte, index) =>
    [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => (byte >> bit) % 2 === 1).map((bit) => index * 8 + bit),
  );
}

/** Decodes what a TPM has signed. */
export function decodeQuote(attested: Uint8Array): Quote {
  const reader = new ByteReader(attested);
  if (reader.u32() !== GENERATED || reader.u16() !== ATTEST_QUOTE)
    throw new DecodeError('decode a quote: it is something else');
  sized(reader); // the signer, which the report has
  const extraData = sized(reader);
  reader.skip(CLOCK_BYTES + VERSION_BYTES);
  const pcrs = selectedPcrs(reader);
  const digest = sized(reader);
  reader.expectEnd();
  return { extraData, pcrs, digest };
}
