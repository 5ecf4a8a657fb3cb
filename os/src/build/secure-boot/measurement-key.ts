import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import { EXIT, errorCode, KiosError } from '@kios/errors';

import { allSections, measureSections, policyOf, SYSTEM_PCR } from '../formats/measurement.ts';
import type { UkiSection } from '../formats/uki.ts';

/** The section by which a system brings what its PCR 11 should be, signed (docs/encryption.md). */
export const SIGNATURE_SECTION = '.pcrsig';

/** All TPMs take RSA keys of this size and exponent. */
export const MEASUREMENT_BITS = 2048;
const EXPONENT = 65_537n;

/** A failure without its cause, which could hold parts of the key. */
const refused = (file: string, why: string): KiosError =>
  new KiosError('KIOS_PCR_KEY', `sign measurements with ${file}: ${why}`, {
    exitCode: EXIT.config,
    remedy: 'Make keys with ./kios keys create FOLDER, and name its pcr.key.',
  });

async function readKey(file: string): Promise<KeyObject> {
  let pem: string;
  try {
    pem = await readFile(file, 'utf8');
  } catch (error) {
    const isMissing = errorCode(error) === 'ENOENT';
    throw refused(file, isMissing ? 'there is no such file' : 'it cannot be read');
  }
  if (/ENCRYPTED/.test(pem)) throw refused(file, 'it has a passphrase');
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    throw refused(file, 'it is not a private key in PEM form');
  }
  const { modulusLength, publicExponent } = key.asymmetricKeyDetails ?? {};
  if (
    key.asymmetricKeyType === 'rsa' &&
    modulusLength === MEASUREMENT_BITS &&
    publicExponent === EXPONENT
  )
    return key;
  throw refused(file, `it is not an RSA key of ${MEASUREMENT_BITS} bits, as every TPM takes it`);
}

/** Signs what a TPM will measure of an EFI file, so that it gives secrets to this system and to its updates. */
export class MeasurementKey {
  readonly #key: KeyObject;
  /** The public key in PEM form. */
  readonly #public: Buffer;
  /** SHA-256 of the public key (PKCS #1, DER), in hexadecimal: by it systemd, init and build.json know the key. */
  readonly fingerprint: string;

  private constructor(key: KeyObject) {
    this.#key = key;
    const own = createPublicKey(key);
    this.#public = Buffer.from(own.export({ type: 'spki', format: 'pem' }));
    this.fingerprint = createHash('sha256')
      .update(own.export({ type: 'pkcs1', format: 'der' }))
      .digest('hex');
  }

  static async open(file: string): Promise<MeasurementKey> {
    return new MeasurementKey(await readKey(file));
  }

  /**
   * Returns the sections to add to those of an EFI file: the public key, which is measured itself, and the signature,
   * in the form of systemd-measure(1). The stub gives both to init, in the folder `.extra` of the initramfs.
   */
  sections(stub: Buffer, own: readonly UkiSection[]): UkiSection[] {
    const key: UkiSection = { name: '.pcrpkey', content: this.#public };
    const policy = policyOf(measureSections(allSections(stub, [...own, key])));
    const entry = {
      pcrs: [SYSTEM_PCR],
      pkfp: this.fingerprint,
      pol: policy.toString('hex'),
      sig: sign('sha256', policy, this.#key).toString('base64'),
    };
    const list = Buffer.from(JSON.stringify({ sha256: [entry] }));
    return [key, { name: SIGNATURE_SECTION, content: list }];
  }
}
