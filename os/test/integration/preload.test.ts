import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { requireRoot } from '@kios/testkit';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';

import type { OciImage } from '../../src/build/formats/oci.ts';
import { stampAllowlist } from '../../src/build/image/root.ts';
import { preload } from '../../src/build/preload/preload.ts';
import { buildPause } from '../../src/build/sources/upstream/pause.ts';
import type { PreloadedImage } from '../../src/build/store/store.ts';
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
} from '../support/node-containerd.ts';
import { buildStoreCommand, RebootingNode } from '../support/node-reboot.ts';
import { archive, SAYS, type UserImage, writeUserImage } from '../support/user-image.ts';

/** A user's images in the store that the build writes, against the node's containerd and kubelet. */

vi.setConfig({ testTimeout: 120_000, hookTimeout: 300_000 });

const SAVED = 'registry.example/team/saved:1';

let home = '';
let user: UserImage;
let containerd: Containerd;
let kubelet: Kubelet;
let cri: Cri;
/** The reference to the image that the build fetched. */
let fetched = '';
let images: readonly PreloadedImage[];
let sandbox: OciImage;
let command = '';
let programs: Programs;

beforeAll(async () => {
  if (process.getuid?.() !== 0) return;
  programs = await buildPrograms();
  const arch = workstationArch();
  home = await mkdtemp(path.join(tmpdir(), 'kios-preload-'));
  vi.stubEnv('REGISTRY_AUTH_FILE', '');
  const pause = (await buildPause(arch, silent)).path;
  user = await writeUserImage(path.join(home, 'user'), pause, { name: SAVED, arch });
  const file = await archive(user.layout, path.join(home, 'saved.tar'));
  await using registry = new Registry(user.layout);
  registry.tags.set('team/fetched:1', user.index.digest);
  // The one name that oras speaks HTTP with, as docker does.
  const host = `localhost:${new URL(await registry.listen()).port}`;
  fetched = `${host}/team/fetched:1`;
  const request = { arch, scratch: path.join(home, 'scratch'), progress: silent };
  images = await preload({ ...request, images: [file, fetched] });
  sandbox = await imageOf(path.join(home, 'layout'), 'pause', pause);
  command = await buildStoreCommand(home);
  containerd = await openNodeContainerd(home, programs, [sandbox], undefined, images);
  cri = new Cri(containerd.socket);
  kubelet = await Kubelet.open(
    path.join(home, 'kubelet'),
    programs('kubelet'),
    containerd.socket,
    (text) =>
      stampAllowlist(
        text,
        images.map(({ origin }) => origin.name),
      ),
  );
});

afterAll(async () => {
  await kubelet?.stop();
  await cri?.endPods();
  cri?.[Symbol.dispose]();
  await containerd?.[Symbol.asyncDispose]();
  vi.unstubAllEnvs();
  if (home !== '') await rm(home, { recursive: true, force: true });
});

beforeEach(requireRoot);

/** A static pod that may not pull. */
const pod = (name: string, image: string): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: {
      hostNetwork: true,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 1,
      containers: [{ name: 'run', image, imagePullPolicy: 'Never' }],
    },
  });

/** Waits for a running container of a pod; returns what its image says. */
const said = (name: string): Promise<string> =>
  vi.waitFor(
    async () => {
      const found = (await cri.running()).find((container) => container.pod === `${name}-node`);
      if (found === undefined) throw new Error(`${name} does not run: ${kubelet.log}`);
      const tasks = 'state/io.containerd.runtime.v2.task/k8s.io';
      return containerd.run('cat', path.join(containerd.dir, tasks, found.id, 'rootfs') + SAYS);
    },
    { timeout: 30_000, interval: 250 },
  );

it.each([
  ['an archive', 'saved', () => SAVED],
  ['a registry', 'fetched', () => fetched],
  ['an archive, by digest', 'digest', () => `registry.example/team/saved@${user.index.digest}`],
])('a pod that may not pull starts from an image of %s', async (_, name, image) => {
  // Kubelet's garbage collection leaves pinned images alone: nobody could pull them again.
  expect(await cri.image(image())).toMatchObject({ id: user.config.digest, pinned: true });
  await kubelet.place(name, pod(name, image()));
  expect(await said(name)).toMatch('a user’s image');
});

it('outlives a restart of containerd', async () => {
  cri[Symbol.dispose]();
  await containerd.stop();
  await containerd.start();
  cri = new Cri(containerd.socket);
  expect(await cri.image(SAVED)).toMatchObject({ id: user.config.digest, pinned: true });
  expect(await containerd.ctr('images', 'check', `name==${SAVED}`)).toMatch(/complete \(2\/2\)/);
});

it('a change of the system takes its images along, and brings those of the next', async () => {
  await kubelet.stop();
  await cri.endPods();
  const node = new RebootingNode(home, containerd, command);
  const boot = async (preloaded: readonly PreloadedImage[]): Promise<void> => {
    cri[Symbol.dispose]();
    await node.stop(true);
    expect((await node.start([sandbox], preloaded)).lost).toEqual([]);
    cri = new Cri(containerd.socket);
  };
  await boot(images.slice(0, 1));
  expect(await cri.image(fetched)).toBeUndefined();
  expect(await cri.start('kept', SAVED)).not.toBe('');
  await boot([]);
  expect(await cri.images()).toHaveLength(1);
  await boot(images);
  expect(await cri.start('again', fetched)).not.toBe('');
});

it('init gives the node the images of archives on its medium, until they are taken away', async () => {
  const copied = 'medium.example/team/copied:1';
  const folder = path.join(home, 'medium');
  const archives = path.join(home, 'archives');
  await mkdir(archives);
  const pause = (await buildPause(workstationArch(), silent)).path;
  const made = await writeUserImage(folder, pause, { name: copied, arch: workstationArch() });
  await archive(made.layout, path.join(archives, 'app.tar'));
  await writeFile(path.join(archives, 'broken.tar'), 'half');
  const node = new RebootingNode(home, containerd, command);
  const boot = async (): ReturnType<RebootingNode['start']> => {
    await kubelet.stop();
    await cri.endPods();
    cri[Symbol.dispose]();
    await node.stop(true);
    const report = await node.start([sandbox], [], archives);
    cri = new Cri(containerd.socket);
    kubelet = await Kubelet.open(
      path.join(home, 'kubelet'),
      programs('kubelet'),
      containerd.socket,
      (text) => stampAllowlist(text, report.repositories),
    );
    return report;
  };
  for (const name of ['saved', 'fetched', 'digest']) await kubelet.remove(name);
  const first = await boot();
  expect(first).toMatchObject({
    images: [copied, `medium.example/team/copied@${made.index.digest}`],
    repositories: ['medium.example/team/copied'],
    faults: [{ file: 'broken.tar' }],
  });
  expect(await cri.image(copied)).toMatchObject({ id: made.config.digest, pinned: true });
  expect(await containerd.ctr('images', 'check', `name==${copied}`)).toMatch(/complete \(2\/2\)/);
  await kubelet.place('copied', pod('copied', copied));
  expect(await said('copied')).toMatch('a user’s image');
  const second = await boot();
  expect(second).toMatchObject({ images: [], removed: [] });
  expect(second.bytes).toBeUndefined();
  expect(await said('copied')).toMatch('a user’s image');
  await kubelet.remove('copied');
  await rm(archives, { recursive: true });
  expect((await boot()).removed).toHaveLength(2);
  expect(await cri.image(copied)).toBeUndefined();
  // Containerd's garbage collection finds nothing that leads to the blobs.
  await vi.waitFor(
    async () => expect(await containerd.ctr('content', 'ls')).not.toContain(made.layer.digest),
    { timeout: 30_000, interval: 250 },
  );
});

it('a registry that does not reply stops the build', async () => {
  const request = { arch: workstationArch(), scratch: path.join(home, 'none'), progress: silent };
  const failed = preload({ ...request, images: ['localhost:1/team/app:1'] });
  await expect(failed).rejects.toMatchObject({ code: 'KIOS_PRELOAD_FETCH' });
});
