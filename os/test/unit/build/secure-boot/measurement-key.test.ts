import { generateKeyPairSync, verify } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import * as v from 'valibot';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { measureSections, policyOf } from '../../../../src/build/formats/measurement.ts';
import { makeUki, readSections } from '../../../../src/build/formats/uki.ts';
import { MeasurementKey } from '../../../../src/build/secure-boot/measurement-key.ts';
import { makeKey } from '../../../support/signing-keys.ts';
import { makeStub } from '../../../support/stub.ts';

const key = makeKey();
const pem = { type: 'pkcs8', format: 'pem' } as const;
let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-pcr-'));
});
afterAll(() => rm(dir, { recursive: true }));

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const to = path.join(dir, name);
  await writeFile(to, content);
  return to;
}

const List = v.object({
  sha256: v.tuple([
    v.object({
      pcrs: v.tuple([v.literal(11)]),
      pkfp: v.string(),
      pol: v.string(),
      sig: v.string(),
    }),
  ]),
});

it('a file says of itself what a TPM measures of it, and the key has signed that', async () => {
  const signer = await MeasurementKey.open(await file('good', key.export(pem)));
  const stub = makeUki(makeStub(), [{ name: '.sbat', content: Buffer.from('of the stub') }]);
  const own = [
    { name: '.linux', content: Buffer.from('kernel') },
    { name: '.other', content: Buffer.from('unknown to the stub') },
  ];
  const whole = readSections(makeUki(stub, [...own, ...signer.sections(stub, own)]));
  const text = (name: string): string =>
    Buffer.from(whole.find((one) => one.name === name)?.content ?? []).toString();
  const { sha256 } = v.parse(v.pipe(v.string(), v.parseJson(), List), text('.pcrsig'));
  const [{ pkfp, pol, sig }] = sha256;
  expect(pkfp).toBe(signer.fingerprint);
  expect(pol).toBe(policyOf(measureSections(whole)).toString('hex'));
  const signed = Buffer.from(pol, 'hex');
  expect(verify('sha256', signed, text('.pcrpkey'), Buffer.from(sig, 'base64'))).toBe(true);
  expect(signer.sections(stub, own)).toEqual(signer.sections(stub, own));
});

it.each<[string, () => Promise<string>, RegExp]>([
  ['a key that is not there', async () => Promise.resolve(path.join(dir, 'none')), /no such file/],
  ['a folder', async () => Promise.resolve(dir), /cannot be read/],
  ['text', async () => file('text', 'hello'), /not a private key in PEM/],
  ['a longer key', async () => file('long', makeKey(3072).export(pem)), /not an RSA key of 2048/],
  [
    'a key of an elliptic curve',
    async () =>
      file('ec', generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export(pem)),
    /not an RSA key of 2048/,
  ],
  [
    'a key with a passphrase',
    async () => file('locked', key.export({ ...pem, cipher: 'aes-256-cbc', passphrase: 'x' })),
    /passphrase/,
  ],
])('%s is refused', async (_, make, why) => {
  const failed = MeasurementKey.open(await make());
  await expect(failed).rejects.toMatchObject({ code: 'KIOS_PCR_KEY' });
  await expect(failed).rejects.toThrow(why);
});
