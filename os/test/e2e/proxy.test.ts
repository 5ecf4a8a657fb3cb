import { afterAll, beforeAll, expect, it } from 'vitest';

import { buildImage } from '../../src/build/image/build-image.ts';
import { type BootedNode, powerOn } from '../../src/lab/boot.ts';
import { WORKSTATION_SEEN_BY_GUEST } from '../../src/lab/controlplane/layout.ts';
import { down } from '../../src/lab/down.ts';
import { labMachine } from '../../src/lab/node.ts';
import { chooseAccelerator } from '../../src/lab/qemu/accelerator.ts';
import { ensurePackages } from '../../src/workstation/packages.ts';
import { silent } from '../../src/workstation/progress.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';
import { describeRecorded } from '../support/recorded.ts';
import { RecordingProxy } from '../support/recording-proxy.ts';

const BUILD_AND_BOOT_MS = 70 * 60_000;
const REGISTRY = 'registry.kios.invalid';
const PASSWORD = 'hunter2hunter2';

const POD = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'pulled', namespace: 'kube-system' },
  spec: {
    hostNetwork: true,
    containers: [{ name: 'app', image: `${REGISTRY}/app:1`, imagePullPolicy: 'Always' }],
  },
};

/** A document that joins no cluster, whose pod has an image of a registry that only the proxy may know. */
const documentFor = (port: number): string =>
  JSON.stringify({
    apiVersion: 'kios.dev/v1',
    kind: 'NodeBootstrap',
    node: { name: 'proxied' },
    proxy: {
      https: `http://node:${PASSWORD}@${WORKSTATION_SEEN_BY_GUEST}:${port}`,
      noProxy: ['.corp.example'],
    },
    files: [{ path: '/etc/kubernetes/manifests/pulled.yaml', content: JSON.stringify(POD) }],
  });

// A standalone node behind a proxy.
await describeRecorded('proxy', () => {
  const progress = progressOn({ write: (text) => process.stdout.write(text) });
  let node: BootedNode;
  let proxy: RecordingProxy;

  beforeAll(async () => {
    await down(silent, { purge: true });
    await ensurePackages(['build', 'machine'], progress);
    const { image } = await buildImage({ arch: 'amd64', progress });
    proxy = await RecordingProxy.open();
    const machine = labMachine();
    await machine.create(image);
    node = await powerOn(machine, {
      accelerator: await chooseAccelerator(),
      memoryMiB: 2048,
      cpus: 2,
      workstationPorts: [proxy.port],
      seed: { 'meta-data': 'instance-id: i-1\n', 'user-data': documentFor(proxy.port) },
    });
  }, BUILD_AND_BOOT_MS);

  afterAll(async () => {
    node?.console[Symbol.dispose]();
    await proxy?.[Symbol.asyncDispose]();
    await down(silent, { purge: true });
  }, 120_000);

  it(
    'has its images pulled by the proxy, as the user that the document names',
    {
      timeout: 900_000,
    },
    async () => {
      const asked = await proxy.expect(REGISTRY, 840_000);
      expect(asked).toEqual({
        line: `CONNECT ${REGISTRY}:443 HTTP/1.1`,
        user: `node:${PASSWORD}`,
      });
    },
  );

  it(
    'restarts containerd once, before kubelet, and writes no password to the console',
    {
      timeout: 60_000,
    },
    () => {
      const { events } = node.console;
      const isAfter = (ev: string, at: number) => events.findIndex((e, i) => i > at && e.ev === ev);
      const changes = events.filter(({ ev }) => ev === 'containerd.proxy');
      expect(changes.map(({ fields }) => fields['words'])).toEqual([2]);
      const change = events.findIndex(({ ev }) => ev === 'containerd.proxy');
      expect(isAfter('containerd.ready', change)).toBeGreaterThan(change);
      expect(isAfter('kubelet.start', change)).toBeGreaterThan(isAfter('containerd.ready', change));
      expect(JSON.stringify(events)).not.toContain(PASSWORD);
    },
  );
});
