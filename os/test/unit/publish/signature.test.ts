import { createHash, generateKeyPairSync, verify } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, it, vi } from 'vitest';

import { SigningKey } from '../../../src/publish/signing/key.ts';
import { addSignature, makePayload, signatureTag } from '../../../src/publish/signing/signature.ts';

const digest = `sha256:${'ab'.repeat(32)}`;
const ec = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pair = ec();
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kios-key-'));
});

afterAll(() => rm(folder, { recursive: true }));

async function keyFile(pem: string | Buffer): Promise<string> {
  const file = path.join(folder, createHash('sha256').update(pem).digest('hex'));
  await writeFile(file, pem);
  return file;
}

const pkcs8 = { type: 'pkcs8', format: 'pem' } as const;
const ours = async () => SigningKey.read(await keyFile(pair.privateKey.export(pkcs8)));

it('signs the payload that cosign verifies, at the tag where it looks', async () => {
  const payload = makePayload('registry.example/kios/dhcp', digest);
  expect(payload.content.toString()).toBe(
    `{"critical":{"identity":{"docker-reference":"registry.example/kios/dhcp"},"image":{"docker-manifest-digest":"${digest}"},"type":"cosign container image signature"},"optional":null}`,
  );
  const signed = addSignature(await ours(), payload, undefined);
  const manifest: unknown = JSON.parse(signed?.manifest.content.toString() ?? '');
  expect(manifest).toMatchObject({
    layers: [
      {
        mediaType: 'application/vnd.dev.cosign.simplesigning.v1+json',
        digest: payload.digest,
        annotations: { 'dev.cosignproject.cosign/signature': expect.any(String) as unknown },
      },
    ],
  });
  const signature = /cosign\/signature":"([^"]+)"/.exec(JSON.stringify(manifest))?.[1] ?? '';
  const bytes = Buffer.from(signature, 'base64');
  expect(verify('sha256', payload.content, pair.publicKey, bytes)).toBe(true);
  expect(verify('sha256', payload.content, ec().publicKey, bytes)).toBe(false);
  expect(signatureTag(digest)).toBe(`sha256-${'ab'.repeat(32)}.sig`);
});

it('signs once, and keeps the signatures of others', async () => {
  const payload = makePayload('registry.example/kios/dhcp', digest);
  const other = await SigningKey.read(await keyFile(ec().privateKey.export(pkcs8)));
  const first = addSignature(other, payload, undefined)?.manifest.content.toString();
  const second = addSignature(await ours(), payload, first)?.manifest.content.toString() ?? '';
  expect(second.match(/cosign\/signature/g)).toHaveLength(2);
  expect(addSignature(await ours(), payload, second)).toBeUndefined();
  expect(addSignature(other, payload, second)).toBeUndefined();
  const elsewhere = makePayload('registry.example/kios/cni', digest);
  expect(addSignature(other, elsewhere, second)).toBeDefined();
});

it('reads a key with a passphrase', async () => {
  const pem = pair.privateKey.export({
    ...pkcs8,
    cipher: 'aes-256-cbc',
    passphrase: 'secret words',
  });
  const file = await keyFile(pem);
  await expect(SigningKey.read(file)).rejects.toMatchObject({ code: 'KIOS_PUBLISH_KEY' });
  vi.stubEnv('COSIGN_PASSWORD', 'secret words');
  try {
    expect((await SigningKey.read(file)).sign(Buffer.from('x'))).toMatch(/^[\w+/=]+$/);
  } finally {
    vi.unstubAllEnvs();
  }
});

it.each([
  ['another curve', generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey.export(pkcs8)],
  ['another kind', generateKeyPairSync('ed25519').privateKey.export(pkcs8)],
  ['a public key', pair.publicKey.export({ type: 'spki', format: 'pem' })],
  ['cosign’s own form', '-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nc2VjcmV0\n'],
  ['no key', 'secret'],
])('refuses %s without a word of what is in it', async (_, pem) => {
  const failure: unknown = await SigningKey.read(await keyFile(pem)).catch(
    (error: unknown) => error,
  );
  expect(failure).toMatchObject({ code: 'KIOS_PUBLISH_KEY' });
  expect(failure).not.toHaveProperty('cause');
  expect(String(failure)).not.toMatch(/secret|c2VjcmV0|MIG|BEGIN/);
});

it('says that a key file is missing', async () => {
  await expect(SigningKey.read(path.join(folder, 'none'))).rejects.toThrow(/there is no such file/);
});
