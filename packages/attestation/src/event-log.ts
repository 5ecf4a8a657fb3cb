import { createHash } from 'node:crypto';

import { ByteReader, DecodeError } from '@kios/bytes';

/** The PCRs of which a report has the entries: programs, the system, and words of others. */
export const PCR = { programs: 4, system: 11, words: 12 } as const;
export const TOLD = Object.values(PCR);

/** An entry of the list of what was measured. */
export interface MeasuredEvent {
  readonly pcr: number;
  readonly type: number;
  /** SHA-256. */
  readonly digest: Uint8Array;
}

const DIGEST_BYTES = 32;
const SHA256 = 0x000b;
const SHA1_BYTES = 20;
/** An entry that says something and extends nothing. */
const NO_ACTION = 3;
const SIGNATURE = 'Spec ID Event03\0';
/** More banks than any TPM has. */
const MAX_BANKS = 8;
/** Class of the platform, version of the specification and size of a number. */
const SPEC_BYTES = 4 + 4;

/** Reads the first entry, of the older form, which has the sizes of all digests (PC Client PFP, section 10.4.5.1). */
function readSizes(reader: ByteReader): ReadonlyMap<number, number> {
  if (reader.u32le() !== 0 || reader.u32le() !== NO_ACTION)
    throw new DecodeError("decode a log: its first entry is not that of TCG's second form");
  reader.skip(SHA1_BYTES);
  const head = new ByteReader(reader.bytes(reader.u32le()));
  const signature = Buffer.from(head.bytes(SIGNATURE.length)).toString('latin1');
  if (signature !== SIGNATURE)
    throw new DecodeError("decode a log: it is not of TCG's second form");
  head.skip(SPEC_BYTES);
  const banks = head.u32le();
  if (banks > MAX_BANKS) throw new DecodeError(`decode a log: it has ${banks} banks`);
  const sizes = new Map<number, number>();
  for (let bank = 0; bank < banks; bank++) sizes.set(head.u16le(), head.u16le());
  if (sizes.get(SHA256) !== DIGEST_BYTES)
    throw new DecodeError('decode a log: it has no digests of SHA-256');
  return sizes;
}

/** Reads TCG_PCR_EVENT2 (section 10.2.2). */
function readEvent(reader: ByteReader, sizes: ReadonlyMap<number, number>): MeasuredEvent {
  const [pcr, type, count] = [reader.u32le(), reader.u32le(), reader.u32le()];
  if (count > sizes.size) throw new DecodeError(`decode a log: an entry has ${count} digests`);
  let digest: Uint8Array | undefined;
  for (let left = count; left > 0; left--) {
    const bank = reader.u16le();
    const size = sizes.get(bank);
    if (size === undefined) throw new DecodeError(`decode a log: the bank ${bank} is unknown`);
    const value = reader.bytes(size);
    if (bank === SHA256) digest = value;
  }
  reader.skip(reader.u32le());
  if (digest === undefined) throw new DecodeError('decode a log: an entry lacks its SHA-256');
  return { pcr, type, digest };
}

/** Returns a log with the entries of `TOLD` alone. The others are most of it: keys of Secure Boot, boot entries. */
export function trimLog(log: Uint8Array): Uint8Array<ArrayBuffer> {
  const reader = new ByteReader(log);
  const sizes = readSizes(reader);
  const kept = [log.subarray(0, reader.offset)];
  while (reader.remaining > 0) {
    const start = reader.offset;
    const { pcr } = readEvent(reader, sizes);
    if (TOLD.some((told) => told === pcr)) kept.push(log.subarray(start, reader.offset));
  }
  return new Uint8Array(Buffer.concat(kept));
}

/** Decodes the log of a firmware in the crypto agile form (TCG PC Client Platform Firmware Profile, section 10). */
export function decodeEventLog(log: Uint8Array): readonly MeasuredEvent[] {
  const reader = new ByteReader(log);
  const sizes = readSizes(reader);
  const events: MeasuredEvent[] = [];
  while (reader.remaining > 0) events.push(readEvent(reader, sizes));
  return events.filter(({ type }) => type !== NO_ACTION);
}

/** Returns what a PCR is after one more measurement. */
export const extend = (value: Uint8Array, digest: Uint8Array): Uint8Array<ArrayBuffer> =>
  new Uint8Array(createHash('sha256').update(value).update(digest).digest());

/** Returns what these entries make of a PCR that is zero at power-on, as all but the first and those above 16 are. */
export const replay = (events: readonly MeasuredEvent[], pcr: number): Uint8Array<ArrayBuffer> =>
  events
    .filter((event) => event.pcr === pcr)
    .reduce((value, { digest }) => extend(value, digest), new Uint8Array(DIGEST_BYTES));
