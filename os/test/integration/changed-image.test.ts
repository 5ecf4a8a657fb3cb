import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { requireRoot } from '@kios/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';

import { makeImage, type OciImage, referenceOf } from '../../src/build/formats/oci.ts';
import { Tree } from '../../src/build/formats/tree.ts';
import { writeLayer, writeLayout } from '../../src/build/image/oci-layout.ts';
import { storedFile } from '../../src/build/image/stored-files.ts';
import { imageName, REGISTRY } from '../../src/build/shipped.ts';
import { buildPause } from '../../src/build/sources/upstream/pause.ts';
import { KIOS } from '../../src/build/versions.ts';
import { Registry } from '../../src/lab/registry.ts';
import { workstationArch } from '../../src/workstation/arch.ts';
import { silent } from '../../src/workstation/progress.ts';
import type { Containerd } from '../support/containerd.ts';
import { Cri } from '../support/cri.ts';
import {
  buildPrograms,
  openNodeContainerd,
  type Programs,
  TIME,
} from '../support/node-containerd.ts';
import { buildStoreCommand, RebootingNode } from '../support/node-reboot.ts';
import { origin } from '../support/trees.ts';

/**
 * A node that boots another image of the system, against the node's containerd and init's own editing of the store. The
 * images of both have a layer in common with images that pods pulled, as published agents have.
 */

vi.setConfig({ testTimeout: 120_000, hookTimeout: 300_000 });

const STRANGER = 'registry.test';
/** A file of each image that says whose it is. */
const OWNER = '/owner';
const APP = `${STRANGER}/app:1`;
const AGENT = `${STRANGER}/dhcp:3`;
/** A file of the layer below, which images share. */
const RUNTIME = '/runtime';
/** The first user of the host that a pod with users of its own has. */
const HOST_USER = 1 << 20;
const COPY = `${STRANGER}/copy:1`;

let home = '';
let program: Programs;
let command = '';
let registry: Registry;
let address = '';
let containerd: Containerd;
let node: RebootingNode;
let cri: Cri;
let sandbox: OciImage;
let older: OciImage;
let newer: OciImage;
let evil: OciImage;

/** Images of a small program over one of two layers, as agents lie over a version of their runtime. */
async function makeImages(layout: string): Promise<void> {
  const pause = storedFile((await buildPause(workstationArch(), silent)).path);
  const runtime = (version: string): Tree =>
    new Tree().file('/run', 0o755, pause, origin).text(RUNTIME, version, origin);
  const image = async (name: string, version: string, owner: string): Promise<OciImage> => {
    const trees = [runtime(version), new Tree().text(OWNER, owner, origin)];
    const layers = await Promise.all(trees.map((tree) => writeLayer(layout, tree, TIME)));
    return makeImage({ name, layers, entrypoint: ['/run'], env: [] }, workstationArch(), TIME);
  };
  sandbox = await image(imageName('pause'), 'sandbox', 'sandbox');
  older = await image(imageName('dhcp'), '1', 'older');
  newer = await image(imageName('dhcp'), '2', 'newer');
  evil = await image(imageName('dhcp'), '3', 'evil');
  const app = await image(APP, 'debian', 'app');
  const agent = await image(AGENT, '1', 'agent');
  await writeLayout(layout, [sandbox, older, newer, evil, app, agent], workstationArch());
  registry = new Registry(layout);
  registry.tags.set('app:1', app.manifest.digest);
  registry.tags.set('dhcp:3', agent.manifest.digest);
  registry.tags.set('copy:1', older.manifest.digest);
  registry.tags.set(`dhcp:${KIOS}`, evil.manifest.digest);
}

beforeAll(async () => {
  if (process.getuid?.() !== 0) return;
  program = await buildPrograms();
  home = await mkdtemp(path.join(tmpdir(), 'kios-changed-'));
  await chmod(home, 0o755); // a pod's own users go through it
  command = await buildStoreCommand(home);
  await makeImages(path.join(home, 'layout'));
  address = await registry.listen();
});

let count = 0;

/** A node that booted the older image. */
beforeEach(requireRoot);
beforeEach(async () => {
  count += 1;
  const dir = path.join(home, `${count}`);
  containerd = await openNodeContainerd(dir, program, [older, sandbox]);
  for (const host of [REGISTRY, STRANGER]) {
    const certs = path.join(containerd.dir, 'certs', host);
    await mkdir(certs, { recursive: true });
    const entry = `[host."${address}"]\ncapabilities = ["pull", "resolve"]\n`;
    await writeFile(path.join(certs, 'hosts.toml'), `server = "${address}"\n${entry}`);
  }
  node = new RebootingNode(dir, containerd, command);
  cri = new Cri(containerd.socket);
});

afterEach(async () => {
  await cri?.endPods();
  cri?.[Symbol.dispose]();
  await containerd?.[Symbol.asyncDispose]();
});

afterAll(async () => {
  await registry?.[Symbol.asyncDispose]();
  vi.unstubAllEnvs();
  if (home !== '') await rm(home, { recursive: true, force: true });
});

/** Boots an image of the system; returns the names of pulled images that it lost. */
async function boot(image: OciImage, orderly: boolean): Promise<readonly string[]> {
  cri[Symbol.dispose]();
  await node.stop(orderly);
  const { lost } = await node.start([image, sandbox]);
  cri = new Cri(containerd.socket);
  return lost;
}

/** Starts a pod; returns the root of its container. */
async function rootOf(name: string, image: string, hostUser?: number): Promise<string> {
  const id = await cri.start(name, image, hostUser);
  const tasks = 'state/io.containerd.runtime.v2.task/k8s.io';
  return path.join(containerd.dir, tasks, id, 'rootfs');
}

/** Starts a pod; returns whose image it runs. */
const ownerOf = async (name: string, image: string): Promise<string> =>
  containerd.run('cat', path.join(await rootOf(name, image), OWNER));

it('keeps a pulled image in a newer system, back in the older and forward again', async () => {
  await cri.pull(APP);
  expect(await ownerOf('app', APP)).toBe('app');
  expect(await ownerOf('dhcp', referenceOf(older))).toBe('older');
  const pulled = await cri.image(APP);
  const { asked } = registry;
  for (const image of [newer, older, newer]) {
    const gone = image === newer ? older : newer;
    expect(await boot(image, false)).toEqual([]);
    // What the boot before left can be removed, though the layers below are gone.
    await cri.endPods();
    expect(await cri.running()).toEqual([]);
    expect(await cri.image(APP)).toEqual(pulled);
    expect((await cri.image(referenceOf(image)))?.id).toBe(image.config.digest);
    expect((await cri.image(imageName('dhcp')))?.id).toBe(image.config.digest);
    expect(await cri.image(referenceOf(gone))).toBeUndefined();
    expect(await ownerOf('app', APP)).toBe('app');
    expect(await ownerOf('dhcp', referenceOf(image))).toBe(image === newer ? 'newer' : 'older');
  }
  expect(registry.asked).toBe(asked);
});

it('removes single containers of the boot before', async () => {
  const id = await cri.start('dhcp', referenceOf(older));
  await boot(newer, false);
  await cri.call('RuntimeService/RemoveContainer', { 1: id });
  const { messages } = await cri.call('RuntimeService/ListContainers', {});
  expect(messages(1)).toEqual([]);
});

it('keeps images that share layers with the system after an orderly stop', async () => {
  for (const name of [AGENT, COPY]) await cri.pull(name);
  const { asked } = registry;
  for (const image of [newer, older, newer]) {
    expect(await boot(image, true)).toEqual([]);
    await cri.endPods();
    expect(await ownerOf('agent', AGENT)).toBe('agent');
    expect(await ownerOf('copy', COPY)).toBe('older');
    expect(await ownerOf('dhcp', referenceOf(image))).toBe(image === newer ? 'newer' : 'older');
  }
  expect(registry.asked).toBe(asked);
});

it('maps the users of each layer for a pod with its own, also where a pulled image shares one', async () => {
  await cri.pull(AGENT);
  for (const image of [AGENT, referenceOf(older)]) {
    const root = await rootOf('mapped', image, HOST_USER);
    const users = await containerd.run('stat', '-c', '%u', root + OWNER, root + RUNTIME);
    expect(users.trim().split('\n')).toEqual([`${HOST_USER}`, `${HOST_USER}`]);
    await cri.endPods();
  }
});

it('names images that shared layers when power was lost, and they can be pulled again', async () => {
  for (const name of [AGENT, COPY, APP]) await cri.pull(name);
  const lost = await boot(newer, false);
  const names = lost.filter((name) => !name.includes('@'));
  expect(names).toEqual([COPY, AGENT]);
  expect(await cri.image(AGENT)).toBeUndefined();
  expect(await ownerOf('app', APP)).toBe('app');
  for (const name of [AGENT, COPY]) await cri.pull(name);
  expect(await ownerOf('agent', AGENT)).toBe('agent');
  expect(await ownerOf('copy', COPY)).toBe('older');
});

it('leaves a shipped name where a pull has moved it', async () => {
  expect(await cri.pull(imageName('dhcp'))).toBe(evil.config.digest);
  for (const image of [newer, older]) {
    await boot(image, false);
    expect((await cri.image(imageName('dhcp')))?.id).toBe(evil.config.digest);
    expect((await cri.image(referenceOf(image)))?.id).toBe(image.config.digest);
  }
});

it('uses what was pulled before the system shipped it', async () => {
  registry.tags.set('next:1', newer.manifest.digest);
  await cri.pull(`${STRANGER}/next:1`);
  for (const image of [newer, older, newer]) {
    expect(await boot(image, false)).toEqual([]);
    await cri.endPods();
    expect(await ownerOf('next', `${STRANGER}/next:1`)).toBe('newer');
    expect(await ownerOf('dhcp', referenceOf(image))).toBe(image === newer ? 'newer' : 'older');
  }
});

it('leaves nothing behind in folders that nobody refers to', async () => {
  await cri.pull(APP);
  await cri.start('dhcp', referenceOf(older));
  const snapshots = path.join(
    containerd.dir,
    'root/io.containerd.snapshotter.v1.overlayfs/snapshots',
  );
  for (const image of [newer, older]) {
    await boot(image, false);
    await cri.endPods();
  }
  // containerd looks for such folders whenever it removes one.
  await cri.start('dhcp', referenceOf(older));
  await cri.endPods();
  // Two layers of each image: the sandbox, the agent and the pulled one.
  await vi.waitFor(
    async () => expect((await containerd.run('ls', snapshots)).split('\n')).toHaveLength(7),
    { timeout: 30_000, interval: 250 },
  );
});
