import { createHash, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { EXIT, errorCode, KiosError } from '@kios/errors';

import type { Progress } from '../../workstation/progress.ts';
import { openSigningTools, type SigningTools } from './tools.ts';

/** Firmware takes RSA keys from here on (UEFI specification 2.10, section 32.4.1). */
const LEAST_BITS = 2048;

/** A failure without its cause, which could hold parts of the key. */
const refused = (file: string, why: string): KiosError =>
  new KiosError('KIOS_SIGN_KEY', `sign with ${file}: ${why}`, {
    exitCode: EXIT.config,
    remedy: 'Make keys with ./kios keys create FOLDER, and name its db.key and db.crt.',
  });

async function readPem(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw refused(
      file,
      errorCode(error) === 'ENOENT' ? 'there is no such file' : 'it cannot be read',
    );
  }
}

async function readKey(file: string): Promise<KeyObject> {
  const pem = await readPem(file);
  if (/ENCRYPTED/.test(pem))
    throw refused(file, 'it has a passphrase; take that away, as by openssl rsa -in FILE -out KEY');
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    throw refused(file, 'it is not a private key in PEM form');
  }
  const { modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa' && modulusLength >= LEAST_BITS) return key;
  throw refused(file, `it is not an RSA key of ${LEAST_BITS} bits or more, as firmware wants it`);
}

async function readCertificate(file: string, now: Date): Promise<X509Certificate> {
  const pem = await readPem(file);
  let certificate: X509Certificate;
  try {
    if (!pem.includes('-----BEGIN CERTIFICATE-----')) throw new TypeError('no PEM');
    certificate = new X509Certificate(pem);
  } catch {
    throw refused(file, 'it is not a certificate in PEM form');
  }
  const { validFromDate, validToDate } = certificate;
  if (validToDate < now) throw refused(file, `it has expired on ${validToDate.toISOString()}`);
  if (validFromDate > now)
    throw refused(file, `it is valid only from ${validFromDate.toISOString()} on`);
  return certificate;
}

/** A key and its certificate, by their files. */
export interface SigningFiles {
  readonly key: string;
  readonly certificate: string;
}

/** Signs the programs of a medium as firmware with Secure Boot wants it (Authenticode). */
export class Signer {
  readonly #files: SigningFiles;
  readonly #tools: SigningTools;
  /** The certificate in DER form. */
  readonly certificate: Buffer;

  private constructor(files: SigningFiles, tools: SigningTools, certificate: Buffer) {
    this.#files = files;
    this.#tools = tools;
    this.certificate = certificate;
  }

  /** Reads key and certificate, and fails unless firmware would take what they sign. */
  static async open(files: SigningFiles, progress: Progress, now = new Date()): Promise<Signer> {
    const key = await readKey(files.key);
    const certificate = await readCertificate(files.certificate, now);
    if (!certificate.checkPrivateKey(key))
      throw refused(files.key, `it is not the key of the certificate ${files.certificate}`);
    return new Signer(files, await openSigningTools(progress), certificate.raw);
  }

  /** SHA-256 of the certificate, in hexadecimal: by it build.json and nodes know it. */
  get fingerprint(): string {
    return createHash('sha256').update(this.certificate).digest('hex');
  }

  /** Signs a program into another file, and checks what it wrote. */
  async signFile(from: string, to: string): Promise<void> {
    const { key, certificate } = this.#files;
    try {
      const keys = ['--key', key, '--cert', certificate];
      await this.#tools.run('usr/bin/sbsign', [...keys, '--output', to, from]);
      await this.#tools.run('usr/bin/sbverify', ['--cert', certificate, to]);
    } catch (cause) {
      await rm(to, { force: true });
      throw new KiosError('KIOS_SIGN', `sign ${path.basename(from)}`, {
        exitCode: EXIT.system,
        remedy: 'Read the cause: sbsign or sbverify tells it.',
        cause,
      });
    }
  }

  /** Signs a program, in a folder of its own below `scratch`. */
  async sign(name: string, program: Uint8Array, scratch: string): Promise<Buffer> {
    const folder = await mkdtemp(path.join(scratch, 'signed-'));
    try {
      const [from, to] = [path.join(folder, name), path.join(folder, `${name}.signed`)];
      await writeFile(from, program);
      await this.signFile(from, to);
      return await readFile(to);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}
