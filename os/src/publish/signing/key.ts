import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import { EXIT, KiosError } from '@kios/errors';

/** A failure without its cause, which could hold parts of the key. */
const refused = (file: string, why: string): KiosError =>
  new KiosError('KIOS_PUBLISH_KEY', `sign with ${file}: ${why}`, {
    exitCode: EXIT.config,
    remedy:
      'Make a key with openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out FILE; COSIGN_PASSWORD holds its passphrase.',
  });

/** A key of the curve P-256, which signs with SHA-256 as cosign's keys do. */
export class SigningKey {
  readonly #privateKey: KeyObject;
  readonly #publicKey: KeyObject;

  private constructor(privateKey: KeyObject) {
    this.#privateKey = privateKey;
    this.#publicKey = createPublicKey(privateKey);
  }

  /** Reads a private key in PEM form. */
  static async read(file: string): Promise<SigningKey> {
    const pem = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
      throw refused(file, cause.code === 'ENOENT' ? 'there is no such file' : 'it cannot be read');
    });
    if (/ENCRYPTED (?:SIGSTORE|COSIGN) PRIVATE KEY/.test(pem))
      throw refused(file, 'it has cosign’s own form, which only cosign reads');
    let key: KeyObject;
    try {
      key = createPrivateKey({ key: pem, passphrase: process.env['COSIGN_PASSWORD'] ?? '' });
    } catch {
      throw refused(file, 'it is not a private key in PEM form, or the passphrase is wrong');
    }
    if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return new SigningKey(key);
    throw refused(file, 'it is not a key of the curve P-256');
  }

  /** Returns the signature in base64. */
  sign(message: Uint8Array): string {
    return sign('sha256', message, this.#privateKey).toString('base64');
  }

  /** Says whether this key made a signature. */
  made(signature: string, message: Uint8Array): boolean {
    return verify('sha256', message, this.#publicKey, Buffer.from(signature, 'base64'));
  }
}
