import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';

import type { PublishResult } from '../../src/publish/publish.ts';
import { silent } from '../../src/workstation/progress.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';
import { fakeBuild, fakeDist } from '../support/publish/fake-builds.ts';
import {
  PASSWORD,
  startDistribution,
  startReferrersRegistry,
  type TestRegistry,
  USER,
} from '../support/publish/registries.ts';
import { RegistryReader } from '../support/publish/registry-reader.ts';
import { login, runPublish } from '../support/publish/run-publish.ts';

/** `kios publish` against two real registries: without the API for referrers, over TLS with a password, and with it. */

vi.setConfig({ testTimeout: 120_000, hookTimeout: 600_000 });

const KINDS = {
  'distribution, TLS and htpasswd': startDistribution,
  'go-containerregistry, referrers API': startReferrersRegistry,
} as const;

/** A request that sends something, in the logs of both registries. */
const WRITE = /http\.request\.method=(?:PUT|POST|PATCH|DELETE)|\b(?:PUT|POST|PATCH|DELETE) \/v2\//;
const writes = (registry: TestRegistry): string[] =>
  registry.lines.filter((line) => WRITE.test(line));

describe.each(Object.entries(KINDS))('%s', (_, start) => {
  let home = '';
  let registry: TestRegistry;
  let reader: RegistryReader;
  let published: PublishResult;

  const digestOf = (name: string): string =>
    published.images.find((image) => image.name === name)?.digest ?? '';

  beforeAll(async () => {
    home = await mkdtemp(path.join(tmpdir(), 'kios-publish-'));
    registry = await start(path.join(home, 'registry'));
    reader = new RegistryReader(registry);
    await login(path.join(home, 'docker'), registry.host);
    vi.stubEnv('DOCKER_CONFIG', path.join(home, 'docker'));
    await fakeBuild({ home, content: 'first', sharedBytes: 5_000_000 });
    published = await runPublish({ home, registry });
  });

  afterAll(async () => {
    vi.unstubAllEnvs();
    await registry?.[Symbol.asyncDispose]();
    await rm(home, { recursive: true, force: true });
  });

  it('has every image for both architectures under its tag, with the digests of the builds', async () => {
    expect(published.images.map(({ name }) => name)).toEqual([
      'dhcp',
      'chrony-config',
      'pause',
      'os',
    ]);
    for (const { name, digest, reference } of published.images) {
      const index = await reader.complete(`kios/${name}`, 'v1');
      expect(index.digest).toBe(digest);
      expect(reference).toBe(`${registry.host}/kios/${name}:v1@${digest}`);
      expect(index.manifests.map(({ platform }) => platform)).toEqual([
        { architecture: 'amd64', os: 'linux' },
        { architecture: 'arm64', os: 'linux' },
      ]);
      if (name === 'os') continue;
      for (const { digest: manifest, platform } of index.manifests) {
        const built = path.join(home, platform?.architecture ?? '', 'images/index.json');
        expect(await readFile(built, 'utf8')).toContain(manifest);
      }
    }
  });

  it('has the operating system as an image of one layer, whose annotations name the others', async () => {
    const index = await reader.complete('kios/os', 'v1');
    expect(index.annotations).toMatchObject({
      'org.opencontainers.image.title': 'kios os',
      'dev.kios.image.dhcp': digestOf('dhcp'),
      'dev.kios.image.chrony-config': digestOf('chrony-config'),
      'dev.kios.image.pause': digestOf('pause'),
    });
    for (const { digest, platform } of index.manifests) {
      const { layers } = await reader.complete('kios/os', digest);
      expect(layers).toHaveLength(1);
      const layer = await reader.blob('kios/os', layers[0]?.digest ?? '');
      expect(layer.subarray(0, 100).toString()).toMatch(/^build\.json\0/);
      expect(layer.includes(`kios.efi for ${platform?.architecture}: first`)).toBe(true);
    }
  });

  it('lists a bill of materials for each architecture, and how all were built', async () => {
    for (const { name, digest } of published.images) {
      const repository = `kios/${name}`;
      const index = await reader.complete(repository, digest);
      const [provenance, ...more] = await reader.referrers(repository, digest);
      expect(more).toEqual([]);
      const statement = await reader.complete(repository, provenance?.digest ?? '');
      expect(statement.artifactType).toBe('application/vnd.in-toto+json');
      expect(statement.subject?.digest).toBe(digest);
      expect(statement.annotations).toEqual({
        'in-toto.io/predicate-type': 'https://slsa.dev/provenance/v1',
      });
      for (const { digest: manifest } of index.manifests) {
        const [sbom, ...others] = await reader.referrers(repository, manifest);
        expect(others).toEqual([]);
        const { layers, artifactType } = await reader.complete(repository, sbom?.digest ?? '');
        expect(artifactType).toBe('application/spdx+json');
        const text = (await reader.blob(repository, layers[0]?.digest ?? '')).toString();
        expect(text).toContain('"SPDX-2.3"');
      }
    }
  });

  it('sends the layer that agents share once, and lets the registry copy it', () => {
    // Two architectures, each with a shared layer of 5 MB in two images.
    expect(published.sentBytes).toBeGreaterThan(10_000_000);
    expect(published.sentBytes).toBeLessThan(10_500_000);
  });

  it('sends nothing the second time', async () => {
    const before = writes(registry).length;
    expect(before).toBeGreaterThan(0);
    const again = await runPublish({ home, registry });
    expect(again).toMatchObject({ sentBytes: 0, sentBlobs: 0, images: published.images });
    expect(writes(registry).slice(before)).toEqual([]);
  });

  it('moves the tags to a newer build, sends only what changed, and keeps the old digests', async () => {
    const old = published;
    await fakeBuild({ home, content: 'second', sharedBytes: 5_000_000 });
    published = await runPublish({ home, registry });
    expect(published.sentBytes).toBeLessThan(200_000);
    for (const { name, digest } of published.images)
      expect((await reader.complete(`kios/${name}`, 'v1')).digest).toBe(digest);
    for (const { name, digest } of old.images) await reader.complete(`kios/${name}`, digest);
  });

  it('refuses to lose an architecture', async () => {
    const publish = runPublish({ home, registry, arches: ['arm64'] });
    await expect(publish).rejects.toMatchObject({ code: 'KIOS_PUBLISH_ARCH' });
    const other = await runPublish({ home, registry, arches: ['arm64'], tag: 'arm' });
    expect(other.images[0]?.arches).toEqual(['arm64']);
    expect((await reader.complete('kios/os', 'v1')).digest).toBe(digestOf('os'));
  });

  it('writes manifests that name the published images by digest', async () => {
    const pin = path.join(home, 'pinned');
    const said: string[] = [];
    const progress = { ...silent, info: (line: string) => void said.push(line) };
    const { pinned, images } = await runPublish({ home, registry, pin, progress });
    expect(said.join('\n')).toContain(`warning: no node can pull from ${registry.host}`);
    expect(pinned).toContain(path.join(pin, 'dhcp.yaml'));
    const reference = images.find(({ name }) => name === 'dhcp')?.reference;
    expect(await readFile(path.join(pin, 'dhcp.yaml'), 'utf8')).toContain(`image: ${reference}\n`);
  });

  it('leaves nothing behind on the workstation', async () => {
    expect((await readdir(path.join(home, 'scratch'))).toSorted()).toEqual(['.lock']);
    expect(await readdir(fakeDist(home, 'amd64'))).toContain('build.json');
  });
});

describe('a registry that asks for a password', () => {
  let home = '';
  let registry: TestRegistry;
  const shown: string[] = [];
  const progress = progressOn({ write: (text) => shown.push(text) });

  beforeAll(async () => {
    home = await mkdtemp(path.join(tmpdir(), 'kios-publish-'));
    registry = await startDistribution(path.join(home, 'registry'));
    await fakeBuild({ home, content: 'first', arches: ['amd64'], agents: ['dhcp'] });
  });

  afterEach(() => {
    vi.unstubAllEnvs();
  });

  afterAll(async () => {
    await registry?.[Symbol.asyncDispose]();
    await rm(home, { recursive: true, force: true });
  });

  it.each([
    ['no', undefined],
    ['a wrong', 'wrong horse'],
  ])('refuses %s password, and the failure does not tell it', async (_, password) => {
    const docker = path.join(home, `docker-${password ?? 'none'}`);
    await mkdir(docker);
    if (password !== undefined) await login(docker, registry.host, password);
    vi.stubEnv('DOCKER_CONFIG', docker);
    const failure: unknown = await runPublish({ home, registry, progress }).catch(
      (e: unknown) => e,
    );
    expect(failure).toMatchObject({
      code: 'KIOS_PUBLISH_DENIED',
      remedy: expect.stringContaining(`docker login ${registry.host}`) as unknown,
    });
    expect(String(failure)).not.toContain('horse');
  });

  it('is not spoken to when nobody vouches for it', async () => {
    await login(path.join(home, 'docker'), registry.host);
    vi.stubEnv('DOCKER_CONFIG', path.join(home, 'docker'));
    const before = registry.lines.filter((line) => line.includes('http.request.method')).length;
    const publish = runPublish({ home, registry, progress, ca: undefined });
    await expect(publish).rejects.toMatchObject({ code: 'KIOS_PUBLISH_TLS' });
    const after = registry.lines.filter((line) => line.includes('http.request.method')).length;
    expect(after).toBe(before);
  });

  it('gets it from a helper, and no program has it among its arguments or variables', async () => {
    const bin = path.join(home, 'bin');
    const docker = path.join(home, 'docker-helper');
    const seen = path.join(home, 'seen');
    const secret = path.join(home, 'secret');
    await mkdir(bin);
    await mkdir(docker);
    await writeFile(seen, '');
    const config = { credHelpers: { [registry.host]: 'test' } };
    await writeFile(path.join(docker, 'config.json'), JSON.stringify(config));
    const helper = path.join(bin, 'docker-credential-test');
    await writeFile(
      helper,
      `#!${process.execPath}
import fs from 'node:fs';
const parent = (file) => fs.readFileSync('/proc/' + process.ppid + '/' + file, 'utf8');
fs.appendFileSync(${JSON.stringify(seen)}, parent('cmdline') + parent('environ') + '\\n');
const Secret = fs.readFileSync(${JSON.stringify(secret)}, 'utf8');
process.stdout.write(JSON.stringify({ Username: ${JSON.stringify(USER)}, Secret }));
`,
    );
    await chmod(helper, 0o755);
    await writeFile(secret, PASSWORD);
    vi.stubEnv('DOCKER_CONFIG', docker);
    vi.stubEnv('PATH', `${bin}:${process.env['PATH']}`);
    const { images } = await runPublish({ home, registry, progress });
    const system = await new RegistryReader(registry).complete('kios/os', 'v1');
    expect(system.digest).toBe(images.at(-1)?.digest);
    const programs = await readFile(seen, 'utf8');
    expect(programs).toContain('--from-oci-layout');
    expect(programs).not.toContain(PASSWORD);
  });

  it('has been spoken to without a password on the screen', () => {
    const text = shown.join('');
    expect(text).toContain(`${registry.host}/kios/os`);
    expect(text).not.toMatch(/horse/);
    expect(text).not.toContain(Buffer.from(`${USER}:${PASSWORD}`).toString('base64'));
  });
});
