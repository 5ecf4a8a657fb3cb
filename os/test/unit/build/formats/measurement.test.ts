import { createHash } from 'node:crypto';

import { describe, expect, it } from 'vitest';

import {
  allSections,
  measureSections,
  policyOf,
} from '../../../../src/build/formats/measurement.ts';
import { makeUki, readSections } from '../../../../src/build/formats/uki.ts';
import { makeStub } from '../../../support/stub.ts';

const section = (name: string, text: string) => ({ name, content: Buffer.from(text) });
const hash = (...parts: Uint8Array[]): Buffer =>
  createHash('sha256').update(Buffer.concat(parts)).digest();
const extended = (...texts: readonly string[]): Buffer => {
  let value: Buffer = Buffer.alloc(32);
  for (const text of texts) value = hash(value, hash(Buffer.from(text)));
  return value;
};

describe('the measurement of an EFI file', () => {
  it('has each name with its zero, and then its content, in the order of the stub', () => {
    const sections = [section('.cmdline', 'quiet'), section('.sbat', 'sbat'), section('.linux', 'kernel')]; // prettier-ignore
    const value = extended('.linux\0', 'kernel', '.cmdline\0', 'quiet', '.sbat\0', 'sbat');
    expect(measureSections(sections)).toEqual(value);
  });

  it('has the public key and not the signature, and nothing that the stub does not know', () => {
    const sections = [section('.pcrpkey', 'key'), section('.pcrsig', 'sig'), section('.kiosmod', 'x'), section('.text', 'y')]; // prettier-ignore
    expect(measureSections(sections)).toEqual(extended('.pcrpkey\0', 'key'));
    expect(measureSections([])).toEqual(Buffer.alloc(32));
  });

  it('is that of the file that a stub and its sections become', () => {
    const stub = makeUki(makeStub(), [section('.sbat', 'of the stub')]);
    const own = [section('.linux', 'kernel'), section('.cmdline', 'quiet')];
    const whole = readSections(makeUki(stub, own));
    expect(measureSections(allSections(stub, own))).toEqual(measureSections(whole));
    expect(measureSections(own)).not.toEqual(measureSections(whole));
  });
});

it('the policy is what a TPM computes', () => {
  // TPM2_PolicyPCR of PCR 11 = 0 in the bank of SHA-256, as tpm2_createpolicy(1) prints it.
  const selection = Buffer.from('00000001000b03000800', 'hex');
  const code = Buffer.from('0000017f', 'hex');
  const zeros = Buffer.alloc(32);
  expect(policyOf(zeros)).toEqual(hash(zeros, code, selection, hash(zeros)));
});
