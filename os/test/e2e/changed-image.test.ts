import { readFile } from 'node:fs/promises';
import path from 'node:path';

import * as v from 'valibot';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';

import type { BuiltImage } from '../../src/build/image/artefacts.ts';
import { buildImage } from '../../src/build/image/build-image.ts';
import { imageName } from '../../src/build/shipped.ts';
import { openToolroot } from '../../src/build/sources/debian/toolroot.ts';
import { type BootedNode, powerOn } from '../../src/lab/boot.ts';
import { WORKSTATION_SEEN_BY_GUEST } from '../../src/lab/controlplane/layout.ts';
import { down } from '../../src/lab/down.ts';
import { labMachine } from '../../src/lab/node.ts';
import { MILESTONES } from '../../src/lab/phases.ts';
import { chooseAccelerator } from '../../src/lab/qemu/accelerator.ts';
import { MACHINE_FILES } from '../../src/lab/qemu/arguments.ts';
import type { SeenEvent } from '../../src/lab/qemu/console.ts';
import { writeToData } from '../../src/lab/qemu/data-partition.ts';
import { qmp } from '../../src/lab/qemu/qmp.ts';
import { Registry } from '../../src/lab/registry.ts';
import { Partition } from '../../src/media/configure/partition.ts';
import { ensurePackages } from '../../src/workstation/packages.ts';
import { distRoot } from '../../src/workstation/paths.ts';
import { silent } from '../../src/workstation/progress.ts';
import { run } from '../../src/workstation/run.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';
import { describeRecorded } from '../support/recorded.ts';
import { type HttpServer, serveHttp } from '../support/serve-http.ts';
import { replaceSystem } from '../support/slots.ts';

const BUILD_MS = 70 * 60_000;
const BOOT_MS = 10 * 60_000;
const DAY = 86_400;
const BOOT_ID = '/proc/sys/kernel/random/boot_id';

const Index = v.object({
  manifests: v.array(
    v.object({ digest: v.string(), annotations: v.record(v.string(), v.string()) }),
  ),
});

/** Folders of the host whose content outlives a boot. */
const KEPT = [
  '/var/lib/kept',
  '/opt/kept',
  '/mnt/kept',
  '/srv/kept',
  '/home/kept',
  '/root/kept',
  '/usr/share/kept',
];
/** Volumes of the host that charts have by default: folders that nobody makes, and what kubelet makes or looks for. */
const SHOWN = [
  { path: '/boot' },
  { path: '/usr' },
  { path: '/usr/bin' },
  { path: '/usr/lib/modules' },
  { path: '/lib/modules' },
  { path: '/lib/systemd' },
  { path: '/usr/src' },
  { path: '/var/run' },
  { path: '/sys/kernel/debug' },
  { path: '/sys/kernel/tracing' },
  { path: '/run/udev', type: 'Directory' },
  { path: '/etc/udev', type: 'Directory' },
  { path: '/lib/udev', type: 'Directory' },
  { path: '/etc/localtime', type: 'File' },
  { path: '/etc/timezone', type: 'File' },
  { path: '/etc/machine-id', type: 'File' },
  { path: '/etc/ssl/certs/ca-bundle.crt', type: 'File' },
  { path: '/usr/libexec/kubernetes/kubelet-plugins/volume/exec/nodeagent~uds', type: 'DirectoryOrCreate' },
  { path: '/usr/local/share/ca-certificates', type: 'DirectoryOrCreate' },
]; // prettier-ignore

const inPod = (folder: string): string => `/host${folder}`;

/**
 * A pod of a pulled image, which adds its boot to a file in each kept folder, and tells the workstation that boot and
 * the number of lines in each file.
 */
const podOf = (image: string, listener: string): string => {
  const script = `
    const fs = require('node:fs');
    const boot = fs.readFileSync('${BOOT_ID}', 'utf8').trim();
    const counts = ${JSON.stringify(KEPT.map(inPod))}.map((folder) => {
      const file = folder + '/boots';
      const before = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
      if (!before.includes(boot)) fs.appendFileSync(file, boot + '\\n');
      return fs.readFileSync(file, 'utf8').trim().split('\\n').length;
    });
    for (;;) {
      await fetch('http://${listener}/' + boot + '/' + counts.join(',')).catch(() => {});
      await Bun.sleep(1000);
    }`;
  const volumes = [...KEPT.map((path) => ({ path, type: 'DirectoryOrCreate' })), ...SHOWN].map(
    (hostPath, index) => ({ name: `volume-${index}`, hostPath }),
  );
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'pulled', namespace: 'default' },
    spec: {
      hostNetwork: true,
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 1,
      containers: [
        {
          name: 'run',
          image,
          command: ['/bin/bun', '-e', script],
          resources: { limits: { memory: '256Mi' } },
          volumeMounts: volumes.map(({ name, hostPath }) => ({
            name,
            mountPath: inPod(hostPath.path),
          })),
        },
      ],
      volumes,
    },
  });
};

// A node whose kios.efi is replaced.
await describeRecorded('changed-image', () => {
  const progress = progressOn({ write: (text) => process.stdout.write(text) });
  const machine = labMachine();
  const told = new Set<string>();
  let older: BuiltImage;
  let newer: BuiltImage;
  let registry: Registry | undefined;
  let listener: HttpServer | undefined;
  let registryPort: number;
  let listenerPort: number;
  let node: BootedNode | undefined;

  /** An image of the day before: all files of all its layers have another time, so each has another digest. */
  async function buildOlder(): Promise<BuiltImage> {
    const commit = Number(await run('git', ['log', '-1', '--format=%ct']));
    vi.stubEnv('SOURCE_DATE_EPOCH', `${commit - (commit % DAY) - DAY}`);
    try {
      const out = path.join(distRoot, 'older');
      return await buildImage({ arch: 'amd64', progress, out });
    } finally {
      vi.unstubAllEnvs();
    }
  }

  /** Serves the images of the older system, as if they had been published. */
  async function publishOlder(): Promise<void> {
    const layout = path.join(path.dirname(older.efi), 'images');
    registry = new Registry(layout);
    const index = v.parse(
      Index,
      JSON.parse(await readFile(path.join(layout, 'index.json'), 'utf8')),
    );
    const dhcp = index.manifests.find(({ annotations }) =>
      Object.values(annotations).some((value) => value.startsWith(imageName('dhcp'))),
    );
    registry.tags.set('copy:1', dhcp!.digest);
    registryPort = Number(new URL(await registry.listen()).port);
  }

  async function prepareDisk(): Promise<void> {
    const name = `${WORKSTATION_SEEN_BY_GUEST}:${registryPort}`;
    await machine.create(older.image);
    const hosts = `server = "http://${name}"\n[host."http://${name}"]\ncapabilities = ["pull", "resolve"]\n`;
    await writeToData(machine.file('disk'), {
      [`/meta/etc/containerd/certs.d/${name}/hosts.toml`]: { content: hosts },
    });
    const pod = podOf(`${name}/copy:1`, `${WORKSTATION_SEEN_BY_GUEST}:${listenerPort}`);
    await using partition = await Partition.open(machine.file('disk'), await openToolroot(silent));
    await partition.write('kios/manifests/pulled.json', Buffer.from(pod));
  }

  async function boot(): Promise<BootedNode> {
    told.clear();
    node = await powerOn(machine, {
      accelerator: await chooseAccelerator(),
      memoryMiB: 2048,
      cpus: 2,
      workstationPorts: [registryPort, listenerPort],
    });
    return node;
  }

  const event = ({ console }: BootedNode, ev: string): Promise<SeenEvent> =>
    console.expect(ev, (seen) => seen.agent === 'init' && seen.ev === ev, BOOT_MS);

  /** Stops the machine by its power button. */
  async function stop(): Promise<readonly SeenEvent[]> {
    await qmp(machine.dir, MACHINE_FILES.qmp, 'system_powerdown');
    await event(node!, 'shutdown.end');
    await vi.waitFor(async () => expect(await machine.running()).toBeUndefined(), {
      timeout: 300_000,
      interval: 100,
    });
    const { events } = node!.console;
    node!.console[Symbol.dispose]();
    return events;
  }

  async function changeTo({ efi }: BuiltImage): Promise<void> {
    await using partition = await Partition.open(machine.file('disk'), await openToolroot(silent));
    await replaceSystem(partition, await readFile(efi));
  }

  /** The pod runs, and each kept folder has a line of each boot. */
  const pulledPodRuns = (boots: number): Promise<void> =>
    vi.waitFor(
      () => expect([...told]).toEqual([expect.stringMatching(new RegExp(`/${KEPT.map(() => boots).join(',')}$`))]), // prettier-ignore
      { timeout: BOOT_MS, interval: 200 },
    );

  beforeAll(async () => {
    await down(silent, { purge: true });
    await ensurePackages(['build', 'machine'], progress);
    older = await buildOlder();
    newer = await buildImage({ arch: 'amd64', progress });
    await publishOlder();
    listener = await serveHttp((request, response) => {
      told.add((request.url ?? '').slice(1));
      response.end();
    });
    listenerPort = Number(new URL(listener.url).port);
    await prepareDisk();
  }, BUILD_MS);

  afterAll(async () => {
    node?.console[Symbol.dispose]();
    await down(silent, { purge: true });
    await listener?.[Symbol.asyncDispose]();
    await registry?.[Symbol.asyncDispose]();
  }, 120_000);

  it(
    'pulls an image, and keeps what it shares with the system',
    { timeout: 2 * BOOT_MS },
    async () => {
      const first = await boot();
      expect((await event(first, 'store.ready')).fields).toMatchObject({ fresh: true });
      await pulledPodRuns(1);
      expect(registry?.asked).toBeGreaterThan(0);
      const kept = (await stop()).find(({ ev }) => ev === 'store.kept');
      expect(Number(kept?.fields['bytes'])).toBeGreaterThan(10_000_000);
      progress.info(`kept ${JSON.stringify(kept?.fields)}`);
      await registry?.[Symbol.asyncDispose]();
      registry = undefined;
    },
  );

  it.each([
    ['newer', 2, () => newer],
    ['older', 3, () => older],
  ])(
    'runs the agents of the %s system, and the pulled pod without a registry',
    { timeout: 2 * BOOT_MS },
    async (_, boots, system) => {
      await changeTo(system());
      const next = await boot();
      const { fields } = await event(next, 'store.ready');
      expect(fields).toMatchObject({ fresh: false, adapted: true });
      progress.info(`adapted: ${JSON.stringify(fields)}`);
      // The manifest names the agent of this system by digest, and its pod never pulls.
      await next.console.expect('a lease', MILESTONES.lease.reachedBy, BOOT_MS);
      await pulledPodRuns(boots);
      const events = await stop();
      expect(events.filter(({ ev }) => ['store.lost', 'store.emptied'].includes(ev))).toEqual([]);
    },
  );
});
