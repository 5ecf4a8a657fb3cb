import { createHash } from 'node:crypto';

import { readSections, type UkiSection } from './uki.ts';

/**
 * What systemd's stub measures of an EFI file into PCR 11, in this order, whatever their order in the file
 * (`src/fundamental/uki.h` of systemd 257). `.pcrsig` is not measured, because it depends on the result.
 */
const MEASURED = [
  '.linux',
  '.osrel',
  '.cmdline',
  '.initrd',
  '.ucode',
  '.splash',
  '.dtb',
  '.uname',
  '.sbat',
  '.pcrpkey',
] as const;

/** The PCR of the stub. */
export const SYSTEM_PCR = 11;
const DIGEST_BYTES = 32;
/** TPM_CC_PolicyPCR (TPM 2.0 library specification, part 2, section 6.5.2). */
const POLICY_PCR = 0x0000_017f;
/** TPM_ALG_SHA256. */
const SHA256 = 0x000b;
/** Bytes of the bit map in a selection of PCRs, of which a PC has 24. */
const SELECT_BYTES = 3;

const hash = (...parts: readonly Uint8Array[]): Buffer => {
  const sum = createHash('sha256');
  for (const part of parts) sum.update(part);
  return sum.digest();
};

/** Returns PCR 11 as the stub leaves it, of the bank for SHA-256: each name and each content extends it once. */
export function measureSections(sections: readonly UkiSection[]): Buffer {
  let value: Buffer = Buffer.alloc(DIGEST_BYTES);
  for (const name of MEASURED) {
    const section = sections.find((one) => one.name === name);
    if (section === undefined) continue;
    value = hash(value, hash(Buffer.from(`${name}\0`)));
    value = hash(value, hash(section.content));
  }
  return value;
}

/** Returns the sections of a file that a stub and these become, in which the stub's own `.sbat` counts too. */
export const allSections = (stub: Buffer, own: readonly UkiSection[]): UkiSection[] => [
  ...readSections(stub),
  ...own,
];

/** Returns the policy that a TPM computes while PCR 11 has a value (TPM2_PolicyPCR; part 3, section 23.7). */
export function policyOf(value: Uint8Array): Buffer {
  const selection = Buffer.alloc(4 + 2 + 1 + SELECT_BYTES);
  selection.writeUInt32BE(1, 0);
  selection.writeUInt16BE(SHA256, 4);
  selection.writeUInt8(SELECT_BYTES, 6);
  selection.writeUInt8(1 << (SYSTEM_PCR % 8), 7 + Math.floor(SYSTEM_PCR / 8));
  const code = Buffer.alloc(4);
  code.writeUInt32BE(POLICY_PCR);
  return hash(Buffer.alloc(DIGEST_BYTES), code, selection, hash(value));
}
