import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import * as v from 'valibot';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';

import { buildImage } from '../../src/build/image/build-image.ts';
import { buildPause } from '../../src/build/sources/upstream/pause.ts';
import { KIOS } from '../../src/build/versions.ts';
import { type BootedNode, powerOn, waitReady } from '../../src/lab/boot.ts';
import { type ControlPlane, startControlPlane } from '../../src/lab/controlplane/controlplane.ts';
import { WORKSTATION_SEEN_BY_GUEST } from '../../src/lab/controlplane/layout.ts';
import { down } from '../../src/lab/down.ts';
import { Kubectl } from '../../src/lab/kubectl.ts';
import { labMachine, NODE_ADDRESS } from '../../src/lab/node.ts';
import { chooseAccelerator } from '../../src/lab/qemu/accelerator.ts';
import { MACHINE_FILES } from '../../src/lab/qemu/arguments.ts';
import type { SeenEvent } from '../../src/lab/qemu/console.ts';
import { qmp } from '../../src/lab/qemu/qmp.ts';
import { configure } from '../../src/media/configure/configure.ts';
import { ensurePackages } from '../../src/workstation/packages.ts';
import { silent } from '../../src/workstation/progress.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';
import { writeNodeDocument } from '../support/node-document.ts';
import { fakeDist } from '../support/publish/fake-builds.ts';
import { buildNewerAgent } from '../support/publish/newer-agent.ts';
import {
  PASSWORD,
  startDistribution,
  type TestRegistry,
  USER,
} from '../support/publish/registries.ts';
import { login, runPublish } from '../support/publish/run-publish.ts';
import { describeRecorded } from '../support/recorded.ts';
import { archive, writeUserImage } from '../support/user-image.ts';

const BUILD_AND_BOOT_MS = 70 * 60_000;
const BOOT_MS = 10 * 60_000;
const EVENT_MS = 10 * 60_000;
const NODE = 'by-registry';
const NEWER = '0.1.1-newer';
const PRELOADED = 'registry.example/team/saved:1';

const Pod = v.object({
  status: v.object({ containerStatuses: v.array(v.object({ imageID: v.string() })) }),
});
const Node = v.object({ status: v.object({ nodeInfo: v.object({ bootID: v.string() }) }) });

const startOf =
  (version: string, verb: string) =>
  ({ agent, ev, fields }: SeenEvent): boolean =>
    agent === 'dhcp' && ev === 'start' && fields['version'] === version && fields['verb'] === verb;

// A fresh disk whose DHCP agent is in a private registry.
await describeRecorded('pulled-agent', () => {
  const progress = progressOn({ write: (text) => process.stdout.write(text) });
  const machine = labMachine();
  let home: string;
  let registry: TestRegistry;
  let plane: ControlPlane;
  let kubectl: Kubectl;
  let node: BootedNode;
  /** Digest of the published image. */
  let digest: string;
  let firstBoot: string;

  /** Publishes the newer agent. Returns a folder with its manifest, in which the registry has the guest's name. */
  async function publishNewer(name: string): Promise<string> {
    await buildNewerAgent(fakeDist(home, 'amd64'), 'dhcp', NEWER);
    await login(path.join(home, 'docker'), registry.host);
    vi.stubEnv('DOCKER_CONFIG', path.join(home, 'docker'));
    const pin = path.join(home, 'pinned');
    const { images } = await runPublish({ home, registry, pin, tag: NEWER, progress });
    digest = images.find((image) => image.name === 'dhcp')!.digest;
    const folder = path.join(home, 'manifests');
    await mkdir(folder);
    const text = await readFile(path.join(pin, 'dhcp.yaml'), 'utf8');
    await writeFile(path.join(folder, 'dhcp.yaml'), text.replaceAll(registry.host, name));
    return folder;
  }

  /** Saves an image that no registry has. Returns its archive. */
  async function savePreloaded(): Promise<string> {
    const program = (await buildPause('amd64', progress)).path;
    const saved = { name: PRELOADED, arch: 'amd64' };
    const { layout } = await writeUserImage(path.join(home, 'layout'), program, saved);
    return archive(layout, path.join(home, 'saved.tar'));
  }

  async function writeDocument(name: string): Promise<string> {
    const entry = { caBundle: registry.ca?.pem, username: USER, password: PASSWORD };
    return writeNodeDocument(home, plane, NODE, { [name]: entry });
  }

  async function boot(ports: readonly number[]): Promise<void> {
    node = await powerOn(machine, {
      accelerator: await chooseAccelerator(),
      memoryMiB: 2048,
      cpus: 2,
      workstationPorts: ports,
    });
    await plane.setNodeForward(NODE_ADDRESS, node.running.kubeletPort);
  }

  const expectEvent = (
    what: string,
    match: (event: SeenEvent) => boolean,
    deadlineMs = EVENT_MS,
  ): Promise<SeenEvent> => node.console.expect(what, match, deadlineMs);

  const readBoot = async (): Promise<string> =>
    v.parse(Node, await kubectl.get('node', NODE)).status.nodeInfo.bootID;

  const leases = (): readonly SeenEvent[] =>
    node.console.events.filter(({ ev }) => ev === 'lease.bound');

  beforeAll(async () => {
    home = await mkdtemp(path.join(tmpdir(), 'kios-pulled-'));
    await down(silent, { purge: true });
    await ensurePackages(['build', 'machine'], progress);
    const { image } = await buildImage({
      arch: 'amd64',
      progress,
      images: [await savePreloaded()],
    });
    registry = await startDistribution(path.join(home, 'registry'), [WORKSTATION_SEEN_BY_GUEST]);
    const port = Number(new URL(registry.url).port);
    const name = `${WORKSTATION_SEEN_BY_GUEST}:${port}`;
    const manifests = await publishNewer(name);
    plane = await startControlPlane({ progress });
    kubectl = await Kubectl.open(plane.adminKubeconfig);
    await machine.create(image);
    const { signal } = new AbortController();
    await using undo = new AsyncDisposableStack();
    const wanted = { bootstrap: await writeDocument(name), manifests };
    await configure(
      { progress, signal, undo, print: () => {} },
      { target: machine.file('disk'), wanted, show: false, json: false },
    );
    await boot([plane.apiPort, port]);
    await waitReady(node, kubectl, NODE, AbortSignal.timeout(BUILD_AND_BOOT_MS));
  }, BUILD_AND_BOOT_MS);

  afterAll(async () => {
    node?.console[Symbol.dispose]();
    await down(silent, { purge: true });
    await registry?.[Symbol.asyncDispose]();
    vi.unstubAllEnvs();
    if (home !== undefined) await rm(home, { recursive: true, force: true });
  }, 120_000);

  it('has its address from the shipped agent first', { timeout: EVENT_MS }, async () => {
    const unpulled = await expectEvent('what waits', ({ ev }) => ev === 'pods.unpulled');
    expect(unpulled.fields).toMatchObject({ manifests: ['dhcp.yaml'] });
    const shipped = await expectEvent('the shipped agent', startOf(KIOS, 'acquire'));
    expect(leases()[0]?.up).toBeGreaterThan(shipped.up);
  });

  it('pulls the newer one over it and runs that', { timeout: 3 * EVENT_MS }, async () => {
    await expectEvent('the newer agent', startOf(NEWER, 'run'));
    const repository = `/v2/kios/dhcp/manifests/${digest}`;
    expect(registry.lines.some((line) => line.includes(repository))).toBe(true);
    const pod = ['-n', 'kube-system', `pod/dhcp-${NODE}`];
    await vi.waitFor(
      async () => {
        const { status } = v.parse(Pod, await kubectl.get(...pod));
        expect(status.containerStatuses[0]?.imageID).toContain(digest);
      },
      { timeout: EVENT_MS, interval: 500 },
    );
    await kubectl.wait(['wait', '--for=condition=Ready', ...pod]);
    // It goes on with the lease whose address is on the card.
    expect(await kubectl.call(['logs', ...pod, '-c', 'run'])).toMatch(/"ev":"lease\.adopted"/);
    expect(leases()).toHaveLength(1);
    expect(JSON.stringify(node.console.events)).not.toContain(PASSWORD);
  });

  it('starts a pod from an image of the build', { timeout: EVENT_MS }, async () => {
    const image = [`--image=${PRELOADED}`, '--image-pull-policy=Never'];
    const overrides = JSON.stringify({ spec: { automountServiceAccountToken: false } });
    await kubectl.call(['run', 'preloaded', ...image, `--overrides=${overrides}`]);
    const wait = ['wait', '--for=condition=Ready', 'pod/preloaded'];
    expect(await kubectl.wait(wait)).toContain('condition met');
  });

  it(
    'starts again without the registry, with what it pulled',
    { timeout: 2 * BOOT_MS + 2 * EVENT_MS },
    async () => {
      firstBoot = await readBoot();
      await qmp(machine.dir, MACHINE_FILES.qmp, 'system_powerdown');
      await expectEvent('the orderly stop', ({ ev }) => ev === 'shutdown.end');
      await vi.waitFor(async () => expect(await machine.running()).toBeUndefined(), {
        timeout: 30_000,
        interval: 100,
      });
      node.console[Symbol.dispose]();
      await registry[Symbol.asyncDispose]();
      await boot([plane.apiPort]);
      await expectEvent('the newer agent', startOf(NEWER, 'run'), BOOT_MS);
      await vi.waitFor(async () => expect(await readBoot()).not.toBe(firstBoot), {
        timeout: BOOT_MS,
        interval: 500,
      });
      await waitReady(node, kubectl, NODE, AbortSignal.timeout(BUILD_AND_BOOT_MS));
      const seen = node.console.events;
      const waited = ['pods.unpulled', 'pods.fallback'];
      expect(seen.filter(({ ev }) => waited.includes(ev))).toEqual([]);
      expect(seen.some(startOf(KIOS, 'acquire'))).toBe(false);
    },
  );
});
