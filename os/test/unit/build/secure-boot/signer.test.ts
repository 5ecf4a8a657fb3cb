import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { secureBootInputs } from '../../../../src/build/secure-boot/signed-medium.ts';
import { Signer, type SigningFiles } from '../../../../src/build/secure-boot/signer.ts';
import { silent } from '../../../../src/workstation/progress.ts';
import { certificateOf, makeKey, writeKeys } from '../../../support/signing-keys.ts';

const key = makeKey();
let dir: string;
let good: SigningFiles;

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-signer-'));
  good = await writeKeys(dir, 'good', key);
});
afterAll(() => rm(dir, { recursive: true }));

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const to = path.join(dir, name);
  await writeFile(to, content);
  return to;
}

const pem = { type: 'pkcs8', format: 'pem' } as const;

it.each<[string, () => Promise<Partial<SigningFiles>>, RegExp]>([
  ['a key that is not there', async () => ({ key: path.join(dir, 'none') }), /no such file/],
  ['a folder as key', async () => ({ key: dir }), /cannot be read/],
  ['text as key', async () => ({ key: await file('text', 'hello') }), /not a private key in PEM/],
  ['the certificate as key', async () => ({ key: good.certificate }), /not a private key in PEM/],
  [
    'a key with a passphrase',
    async () => {
      const encrypted = key.export({ ...pem, cipher: 'aes-256-cbc', passphrase: 'secret' });
      return { key: await file('encrypted', encrypted) };
    },
    /has a passphrase/,
  ],
  [
    'a key of an elliptic curve',
    async () => {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      return { key: await file('ec', privateKey.export(pem)) };
    },
    /not an RSA key of 2048 bits/,
  ],
  ['a short key', async () => writeKeys(dir, 'short', makeKey(1024)), /not an RSA key of 2048/],
  [
    'another key than that of the certificate',
    async () => ({ key: (await writeKeys(dir, 'other', makeKey())).key }),
    /not the key of the certificate/,
  ],
  ['no certificate', async () => ({ certificate: path.join(dir, 'none') }), /no such file/],
  ['the key as certificate', async () => ({ certificate: good.key }), /not a certificate in PEM/],
  [
    'a certificate in DER form',
    async () => ({ certificate: await file('der', certificateOf(key)) }),
    /not a certificate in PEM/,
  ],
  ['an expired certificate', async () => writeKeys(dir, 'old', key, [-2, -1]), /has expired on 20/],
  ['one of the future', async () => writeKeys(dir, 'new', key, [1, 2]), /valid only from 20/],
])('%s is refused before anything is fetched', async (_, change, why) => {
  const opening = Signer.open({ ...good, ...(await change()) }, silent);
  const failure = await opening.catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: 'KIOS_SIGN_KEY', message: expect.stringMatching(why) as unknown }); // prettier-ignore
  expect(failure).not.toHaveProperty('cause');
});

it('an unsigned image has no input more than before', () =>
  expect(secureBootInputs(undefined)).toEqual([]));
