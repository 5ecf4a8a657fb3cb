import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { requireRoot } from '@kios/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';

import type { OciImage } from '../../src/build/formats/oci.ts';
import { writeLayout } from '../../src/build/image/oci-layout.ts';
import { stampManifest } from '../../src/build/manifests/stamp.ts';
import { imageName, REGISTRY } from '../../src/build/shipped.ts';
import { buildPause } from '../../src/build/sources/upstream/pause.ts';
import { KIOS } from '../../src/build/versions.ts';
import { Registry } from '../../src/lab/registry.ts';
import { workstationArch } from '../../src/workstation/arch.ts';
import { silent } from '../../src/workstation/progress.ts';
import type { Containerd } from '../support/containerd.ts';
import { Cri } from '../support/cri.ts';
import { Kubelet } from '../support/kubelet.ts';
import {
  buildPrograms,
  imageOf,
  openNodeContainerd,
  type Programs,
  referencesOf,
} from '../support/node-containerd.ts';
import { origin } from '../support/trees.ts';

/**
 * Pods and registries that try to change what a static pod of the node runs, against the node's containerd and kubelet.
 * The registry of the test stands for whoever answers to the names of the shipped images, and for any other registry
 * that pods may use.
 */

vi.setConfig({ testTimeout: 120_000, hookTimeout: 300_000 });

const STRANGER = 'registry.test';
/** A file of each image that says whose it is. */
const OWNER = '/owner';

let home = '';
let program: Programs;
let containerd: Containerd;
let registry: Registry;
let cri: Cri;
let shipped: OciImage;
let evil: OciImage;
let references: ReadonlyMap<string, string> = new Map();
/** The shipped image as the manifests of the node name it. */
let reference = '';

/** Images of a small program; the evil one has the name of the shipped one. */
async function makeImages(layout: string): Promise<{ pause: OciImage }> {
  const pause = (await buildPause(workstationArch(), silent)).path;
  const image = (name: string, owner: string): Promise<OciImage> =>
    imageOf(layout, name, pause, (tree) => tree.text(OWNER, owner, origin));
  shipped = await image('dhcp', 'shipped');
  evil = await image('dhcp', 'evil');
  const sandbox = await image('pause', 'sandbox');
  await writeLayout(layout, [shipped, evil, sandbox], workstationArch());
  return { pause: sandbox };
}

/** Lets every name of the registries lead to the test's one. */
async function mapRegistries(certs: string, address: string): Promise<void> {
  for (const host of [REGISTRY, STRANGER]) {
    await mkdir(path.join(certs, host), { recursive: true });
    const entry = `[host."${address}"]\ncapabilities = ["pull", "resolve"]\n`;
    await writeFile(path.join(certs, host, 'hosts.toml'), `server = "${address}"\n${entry}`);
  }
}

beforeAll(async () => {
  if (process.getuid?.() !== 0) return;
  program = await buildPrograms();
  home = await mkdtemp(path.join(tmpdir(), 'kios-shipped-'));
  const { pause } = await makeImages(path.join(home, 'layout'));
  references = referencesOf([shipped, pause]);
  reference = references.get(shipped.name)!;
  registry = new Registry(path.join(home, 'layout'));
  registry.tags.set(`dhcp:${KIOS}`, evil.manifest.digest);
  containerd = await openNodeContainerd(home, program, [shipped, pause]);
  await mapRegistries(path.join(containerd.dir, 'certs'), await registry.listen());
  cri = new Cri(containerd.socket);
});

afterAll(async () => {
  await cri?.endPods();
  cri?.[Symbol.dispose]();
  await containerd?.[Symbol.asyncDispose]();
  await registry?.[Symbol.asyncDispose]();
  vi.unstubAllEnvs();
  if (home !== '') await rm(home, { recursive: true, force: true });
});

beforeEach(requireRoot);

/** Fails unless the node's name of the shipped image still means it. */
async function expectShipped(): Promise<void> {
  const found = await cri.image(reference);
  expect(found).toMatchObject({ id: shipped.config.digest, pinned: true });
  // containerd opens an image by its first name, which must be the one that no pull can move.
  expect(found?.digests[0]).toBe(reference);
  expect(await cri.image(shipped.config.digest)).toEqual(found);
}

it('a pull of a shipped name moves nothing that a static pod names', async () => {
  await expectShipped();
  expect(await cri.pull(imageName('dhcp'))).toBe(evil.config.digest);
  expect((await cri.image(imageName('dhcp')))?.id).toBe(evil.config.digest);
  await expectShipped();
});

it('a pull of the shipped image under another name, which then moves, changes nothing', async () => {
  const name = `${STRANGER}/copy:1`;
  registry.tags.set('copy:1', shipped.manifest.digest);
  expect(await cri.pull(name)).toBe(shipped.config.digest);
  await expectShipped();
  registry.tags.set('copy:1', evil.manifest.digest);
  expect(await cri.pull(name)).toBe(evil.config.digest);
  await expectShipped();
});

it('a pull by the digest itself gets the shipped image, whatever the registry serves', async () => {
  expect(await cri.pull(reference)).toBe(shipped.config.digest);
  await expectShipped();
  registry.tags.set(`dhcp:${shipped.manifest.digest}`, evil.manifest.digest);
  expect(await cri.pull(reference)).toBe(shipped.config.digest);
  registry.tags.delete(`dhcp:${shipped.manifest.digest}`);
  await expectShipped();
});

it('a restart of containerd changes nothing', async () => {
  cri[Symbol.dispose]();
  await containerd.stop();
  await containerd.start();
  cri = new Cri(containerd.socket);
  await expectShipped();
  expect(await cri.images()).toContainEqual(await cri.image(reference));
});

/** A pod of one container in the host’s network. */
const pod = (name: string, image: string, imagePullPolicy: string): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'kube-system' },
    spec: {
      hostNetwork: true,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 1,
      containers: [{ name: 'run', image, imagePullPolicy }],
    },
  });

/** Waits for a running container of a pod; returns whose image it runs. */
const running = (name: string, kubelet: Kubelet): Promise<string> =>
  vi.waitFor(
    async () => {
      const found = (await cri.running()).find((container) => container.pod === `${name}-node`);
      if (found === undefined) throw new Error(`${name} does not run: ${kubelet.log}`);
      const tasks = 'state/io.containerd.runtime.v2.task/k8s.io';
      const root = path.join(containerd.dir, tasks, found.id, 'rootfs');
      return containerd.run('cat', root + OWNER);
    },
    { timeout: 30_000, interval: 250 },
  );

describe('a static pod starts again', () => {
  let kubelet: Kubelet;
  let count = 0;

  beforeEach(async () => {
    count += 1;
    const dir = path.join(home, `kubelet-${count}`);
    kubelet = await Kubelet.open(dir, program('kubelet'), containerd.socket);
    const manifest = pod('dhcp', imageName('dhcp'), 'Never');
    await kubelet.place('dhcp', stampManifest('dhcp', manifest, references));
    await running('dhcp', kubelet);
  });

  /** Ends kubelet and all pods, as a boot does, and starts kubelet. */
  async function reboot(signal: NodeJS.Signals): Promise<void> {
    await kubelet.stop(signal);
    await cri.endPods();
    kubelet.start();
  }

  afterEach(async () => {
    await kubelet.stop();
    await cri.endPods();
  });

  it.each([
    ['its name', () => imageName('dhcp'), 'evil'],
    ['its image under another name', () => `${STRANGER}/copy:2`, 'shipped'],
    ['its image by digest', () => reference, 'shipped'],
  ])('after another pod pulled %s', async (_, image, owner) => {
    registry.tags.set('copy:2', shipped.manifest.digest);
    await kubelet.place('other', pod('other', image(), 'Always'));
    expect(await running('other', kubelet)).toBe(owner);
    await reboot('SIGTERM');
    expect(await running('dhcp', kubelet)).toBe('shipped');
  });

  it('after a loss of power while another pod pulled its digest', async () => {
    registry.holds = true;
    const { asked } = registry;
    await kubelet.place('other', pod('other', reference, 'Always'));
    await vi.waitFor(() => expect(registry.asked).toBeGreaterThan(asked), { timeout: 30_000 });
    await kubelet.remove('other');
    await reboot('SIGKILL');
    registry.holds = false;
    expect(await running('dhcp', kubelet)).toBe('shipped');
  });
});
