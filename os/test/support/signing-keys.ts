import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';

import { makeCertificate, toPem } from '../../src/build/secure-boot/certificate.ts';
import type { SigningFiles } from '../../src/build/secure-boot/signer.ts';

const YEAR_MS = 365 * 24 * 3600 * 1000;

export const makeKey = (modulusLength = 2048): KeyObject =>
  generateKeyPairSync('rsa', { modulusLength }).privateKey;

/** Returns a certificate of a key, whose time begins and ends so many years from now. */
export const certificateOf = (
  key: KeyObject,
  [from, to]: readonly [number, number] = [-1, 1],
): Buffer =>
  makeCertificate({
    name: 'of a test',
    key,
    from: new Date(Date.now() + from * YEAR_MS),
    to: new Date(Date.now() + to * YEAR_MS),
  });

/** Writes a key and its certificate into a folder. */
export async function writeKeys(
  folder: string,
  name: string,
  key: KeyObject,
  years?: readonly [number, number],
): Promise<SigningFiles> {
  const files = { key: path.join(folder, `${name}.key`), certificate: path.join(folder, `${name}.crt`) }; // prettier-ignore
  await writeFile(files.key, key.export({ type: 'pkcs8', format: 'pem' }));
  await writeFile(files.certificate, toPem(certificateOf(key, years)));
  return files;
}
