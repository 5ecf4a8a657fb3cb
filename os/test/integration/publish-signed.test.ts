import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, it, vi } from 'vitest';

import type { PublishResult } from '../../src/publish/publish.ts';
import { openCosign, type Verification } from '../support/publish/cosign.ts';
import { fakeBuild } from '../support/publish/fake-builds.ts';
import { startDistribution, type TestRegistry } from '../support/publish/registries.ts';
import { RegistryReader } from '../support/publish/registry-reader.ts';
import { login, runPublish } from '../support/publish/run-publish.ts';
import { openSkopeo, type VerifiedPull } from '../support/publish/skopeo.ts';

/** Signatures of `kios publish`, as programs of other projects judge them. */

vi.setConfig({ testTimeout: 120_000, hookTimeout: 600_000 });

const SIMPLE_SIGNING = 'application/vnd.dev.cosign.simplesigning.v1+json';

const spki = { type: 'spki', format: 'pem' } as const;
const ours = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const strangers = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ourPublicKey = ours.publicKey.export(spki);
const strangersPublicKey = strangers.publicKey.export(spki);

let home = '';
let registry: TestRegistry;
let pull: VerifiedPull;
let verify: Verification;
let signKey = '';
let ourKeyFile = '';
let strangersKeyFile = '';
let published: PublishResult;

beforeAll(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'kios-signed-'));
  registry = await startDistribution(path.join(home, 'registry'));
  await login(path.join(home, 'docker'), registry.host);
  vi.stubEnv('DOCKER_CONFIG', path.join(home, 'docker'));
  await login(path.join(home, 'skopeo'), registry.host);
  pull = await openSkopeo(path.join(home, 'skopeo'), registry);
  verify = await openCosign(home, registry);
  ourKeyFile = path.join(home, 'kios.pub');
  strangersKeyFile = path.join(home, 'strangers.pub');
  await writeFile(ourKeyFile, ourPublicKey);
  await writeFile(strangersKeyFile, strangersPublicKey);
  signKey = path.join(home, 'kios.key');
  await writeFile(signKey, ours.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  await fakeBuild({ home, content: 'signed' });
  published = await runPublish({ home, registry, signKey });
});

afterAll(async () => {
  vi.unstubAllEnvs();
  await registry?.[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
});

it('skopeo pulls every image whose policy names our key, for all architectures', async () => {
  for (const { reference } of published.images)
    expect(await pull(reference, ourPublicKey)).toContain('Storing');
});

it('skopeo refuses a stranger’s key, and both an image that nobody signed', async () => {
  const [{ reference } = { reference: '' }] = published.images;
  await expect(pull(reference, strangersPublicKey)).rejects.toThrow(/ignature/);
  await fakeBuild({ home, content: 'unsigned' });
  const { images } = await runPublish({ home, registry, tag: 'unsigned' });
  const unsigned = images[0]?.reference ?? '';
  await expect(pull(unsigned, ourPublicKey)).rejects.toThrow(/ignature/);
  await expect(verify(unsigned, ourKeyFile)).rejects.toThrow(/no signatures/);
  await fakeBuild({ home, content: 'signed' });
});

it('cosign verifies every image, each architecture of it, and no other key', async () => {
  const reader = new RegistryReader(registry);
  for (const { name, reference, digest } of published.images) {
    expect(await verify(reference, ourKeyFile)).toBe('1 signatures');
    const { manifests } = await reader.complete(`kios/${name}`, digest);
    for (const manifest of manifests)
      await verify(`${registry.host}/kios/${name}@${manifest.digest}`, ourKeyFile);
    await expect(verify(reference, strangersKeyFile)).rejects.toThrow(/invalid signature/);
  }
});

it('the bill of materials and the provenance are signed under their own digests', async () => {
  const reader = new RegistryReader(registry);
  for (const { name, digest } of published.images) {
    const repository = `kios/${name}`;
    const { manifests } = await reader.complete(repository, digest);
    for (const subject of [digest, ...manifests.map((manifest) => manifest.digest)])
      for (const referrer of await reader.referrers(repository, subject))
        expect(
          await reader.complete(repository, `${referrer.digest.replace(':', '-')}.sig`),
        ).toMatchObject({ layers: [{ mediaType: SIMPLE_SIGNING }] });
  }
});

it('a second run signs nothing again, and another key adds its signature', async () => {
  expect(await runPublish({ home, registry, signKey })).toMatchObject({ sentBytes: 0 });
  const other = path.join(home, 'other.key');
  await writeFile(other, strangers.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  await runPublish({ home, registry, signKey: other });
  const [{ reference } = { reference: '' }] = published.images;
  await pull(reference, ourPublicKey);
  await pull(reference, strangersPublicKey);
});
