import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, expect, it, vi } from 'vitest';

import { buildUpstream } from '../../src/build/sources/upstream/build.ts';
import { Oras } from '../../src/publish/transport/oras.ts';
import { workstationArch } from '../../src/workstation/arch.ts';
import { silent } from '../../src/workstation/progress.ts';
import { expectedPublications } from '../support/publish/expected.ts';
import { fakeBuild } from '../support/publish/fake-builds.ts';
import { startDistribution, type TestRegistry } from '../support/publish/registries.ts';
import { RegistryReader } from '../support/publish/registry-reader.ts';
import { login, runPublish } from '../support/publish/run-publish.ts';

/** `kios publish` that ends before its end. The registry is one without the API for referrers. */

vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

const KILLS = 50;
const MAIN = path.resolve(import.meta.dirname, '../support/publish/publish-main.ts');
const NAMES = ['dhcp', 'cni', 'os'];

let home = '';
let registry: TestRegistry;
let reader: RegistryReader;

const build = (content: string): Promise<void> =>
  fakeBuild({ home, content, agents: ['dhcp', 'cni'], sharedBytes: 2_000_000 });

beforeAll(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'kios-publish-'));
  registry = await startDistribution(path.join(home, 'registry'));
  reader = new RegistryReader(registry);
  await login(path.join(home, 'docker'), registry.host);
  vi.stubEnv('DOCKER_CONFIG', path.join(home, 'docker'));
});

afterAll(async () => {
  vi.unstubAllEnvs();
  await registry?.[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
});

interface Killed {
  /** Milliseconds that the program worked. */
  readonly workedMs: number;
  readonly wasKilled: boolean;
}

/** Returns whether a process of the group runs; one that nobody waits for any more does not. */
function isRunning(group: number): boolean {
  const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return processes.some((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
      const [state, , pgrp] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return state !== 'Z' && pgrp === String(group);
    } catch {
      return false;
    }
  });
}

/**
 * Runs `publish` and kills it after `afterMs`: the program alone, or oras with it. An oras that is left alone may still
 * finish what it sends, so its end is awaited.
 */
async function publishAndKill(afterMs: number, withOras: boolean): Promise<Killed> {
  const options = JSON.stringify({ home, host: registry.host, ca: registry.ca?.file });
  const child = spawn(process.execPath, [MAIN, options], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  await once(child.stdout, 'data');
  const startedAt = Date.now();
  const stop = new AbortController();
  const pid = child.pid ?? 0;
  const kill = sleep(afterMs, undefined, { signal: stop.signal }).then(
    () => process.kill(withOras ? -pid : pid, 'SIGKILL'),
    () => false,
  );
  await ended;
  stop.abort();
  await kill;
  await vi.waitFor(() => expect(isRunning(pid)).toBe(false), { timeout: 60_000, interval: 20 });
  return { workedMs: Date.now() - startedAt, wasKilled: child.signalCode === 'SIGKILL' };
}

/** Returns the digest of each tag after a look at all that it leads to, referrers included. */
async function readTags(): Promise<Map<string, string>> {
  const digests = new Map<string, string>();
  for (const name of NAMES) {
    const repository = `kios/${name}`;
    const index = await reader.complete(repository, 'v1');
    digests.set(name, index.digest);
    expect(index.manifests).toHaveLength(2);
    for (const { digest } of [index, ...index.manifests]) {
      const [referrer] = await reader.referrers(repository, digest);
      await reader.complete(repository, referrer?.digest ?? 'none');
    }
    for (const [key, digest] of Object.entries(index.annotations))
      if (key.startsWith('dev.kios.image.'))
        await reader.complete(`kios/${key.slice('dev.kios.image.'.length)}`, digest);
  }
  return digests;
}

it(`killed at ${KILLS} random moments, leaves each tag on a complete old or new image`, async () => {
  await build('0');
  const first = await publishAndKill(600_000, true);
  expect(first.wasKilled).toBe(false);
  await build('timed');
  const { workedMs } = await publishAndKill(600_000, true);
  let old = await readTags();
  const reached = { killed: 0, moved: 0 };
  for (let round = 1; round <= KILLS; round += 1) {
    await build(`${round}`);
    const fresh = new Map(
      (await expectedPublications(home)).map(({ name, index }) => [name, index.digest]),
    );
    const { wasKilled } = await publishAndKill(Math.random() * workedMs, round % 2 === 0);
    const now = await readTags();
    for (const name of NAMES) expect([old.get(name), fresh.get(name)]).toContain(now.get(name));
    // The tag of the system stands for the set.
    expect(now.get('os') === fresh.get('os') ? now : fresh).toEqual(fresh);
    if (wasKilled) reached.killed += 1;
    if (now.get('os') !== old.get('os')) reached.moved += 1;
    old = now;
  }
  expect(reached.killed).toBeGreaterThan(KILLS / 2);
  expect(reached.moved).toBeLessThan(KILLS);
  const finished = await runPublish({ home, registry });
  const tags = await readTags();
  for (const { name, digest } of finished.images) expect(tags.get(name)).toBe(digest);
  expect(await runPublish({ home, registry })).toMatchObject({ sentBytes: 0 });
});

it('mends a list of referrers that lacks an entry, and keeps the entries of others', async () => {
  await build('list');
  const { images } = await runPublish({ home, registry });
  const [dhcp] = images;
  const digest = dhcp?.digest ?? '';
  const [ours] = await reader.referrers('kios/dhcp', digest);
  const {
    digest: other,
    size,
    mediaType,
  } = (await reader.complete('kios/dhcp', digest)).manifests[0]!;
  await reader.putIndex('kios/dhcp', digest.replace(':', '-'), {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [{ mediaType, digest: other, size, artifactType: 'application/x-other' }],
  });
  await runPublish({ home, registry });
  const listed = await reader.referrers('kios/dhcp', digest);
  expect(listed.map((entry) => entry.digest)).toEqual([other, ours?.digest]);
  expect(await runPublish({ home, registry })).toMatchObject({ sentBytes: 0 });
});

it('gives up on a registry that takes a connection and says nothing', async () => {
  const server = createServer(() => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const oras = new Oras({
    file: (await buildUpstream(['oras'], workstationArch(), silent)).get('oras')!.path,
    target: { registry: `127.0.0.1:${port}`, prefix: 'kios' },
    cwd: home,
    ca: undefined,
    signal: new AbortController().signal,
    stallMs: 1000,
  });
  const asked = oras.run('look for it', ['resolve', `127.0.0.1:${port}/kios/dhcp:v1`]);
  await expect(asked).rejects.toThrow(/the registry stopped replying/);
  server.close();
});
