import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { buildImage } from '../../src/build/image/build-image.ts';
import { readChoice } from '../../src/build/manifests/bootstrap-choice.ts';
import { imageName } from '../../src/build/shipped.ts';
import { type BootedNode, powerOn, waitReady } from '../../src/lab/boot.ts';
import { startControlPlane } from '../../src/lab/controlplane/controlplane.ts';
import { down } from '../../src/lab/down.ts';
import { Kubectl } from '../../src/lab/kubectl.ts';
import { NODE_ADDRESS, labMachine } from '../../src/lab/node.ts';
import { chooseAccelerator } from '../../src/lab/qemu/accelerator.ts';
import { distRoot, repository } from '../../src/workstation/paths.ts';
import { silent } from '../../src/workstation/progress.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';
import { describeRecorded } from '../support/recorded.ts';

const BUILD_AND_BOOT_MS = 70 * 60_000;
const EXAMPLE = path.join(repository, 'examples/bootstrap-custom');
const NODE = 'by-custom';
/** A disc like Azure's, made by `genisoimage -udf` from an ovf-env.xml without custom data. */
const DISC = path.join(import.meta.dirname, '../support/azure-disc.iso.gz');
const AZURE = '7783-7084-3265-9085-8269-3286-77';

// A node built by `./kios build --bootstrap examples/bootstrap-custom`.
await describeRecorded('custom-bootstrap', () => {
  const progress = progressOn({ write: (text) => process.stdout.write(text) });
  let kubectl: Kubectl;
  let node: BootedNode;

  beforeAll(async () => {
    await down(silent, { purge: true });
    const { image } = await buildImage({
      arch: 'amd64',
      progress,
      bootstrap: readChoice(EXAMPLE),
      out: path.join(distRoot, 'custom'),
    });
    const plane = await startControlPlane({ progress });
    kubectl = await Kubectl.open(plane.adminKubeconfig);
    const machine = labMachine();
    await machine.create(image);
    const disc = path.join(machine.dir, 'azure.iso');
    await writeFile(disc, gunzipSync(await readFile(DISC)));
    node = await powerOn(machine, {
      accelerator: await chooseAccelerator(),
      memoryMiB: 2048,
      cpus: 2,
      cloud: { disc, assetTag: AZURE },
      workstationPorts: [plane.apiPort],
      seed: {
        server: plane.endpointForGuest,
        'ca.crt': plane.caPem,
        token: await plane.createBootstrapToken(),
        node: NODE,
      },
    });
    await plane.setNodeForward(NODE_ADDRESS, node.running.kubeletPort);
    await waitReady(node, kubectl, NODE, AbortSignal.timeout(BUILD_AND_BOOT_MS));
  }, BUILD_AND_BOOT_MS);

  afterAll(async () => {
    node?.console[Symbol.dispose]();
    await down(silent, { purge: true });
  }, 120_000);

  it(
    'is Ready after one restart of kubelet, which the agent ordered',
    { timeout: 400_000 },
    async () => {
      const { console } = node;
      const joined = await console.expect(
        'the agent’s last event',
        ({ ev }) => ev === 'joined',
        300_000,
      );
      expect(joined.agent).toBe('bootstrap');
      const orders = console.events.filter(({ agent, ev }) => agent === 'init' && ev === 'control');
      expect(orders).toHaveLength(1);
    },
  );

  it('finds Azure’s disc', () => {
    const seeds = node.console.events.filter(({ ev }) => ev === 'seed.mounted');
    expect(seeds.map(({ fields }) => String(fields['label'])).toSorted()).toEqual([
      'azure',
      'boot',
      'cidata',
    ]);
  });

  it('runs the agent as its pod bootstrap', { timeout: 180_000 }, async () => {
    const args = ['-n', 'kube-system', `pod/bootstrap-${NODE}`];
    // A node is Ready before its static pods appear in the API server.
    await kubectl.wait(['wait', '--for=create', ...args]);
    await kubectl.wait(['wait', '--for=condition=Ready', ...args]);
    const image = await kubectl.call([
      'get',
      ...args,
      '-o',
      'jsonpath={.spec.containers[0].image}',
    ]);
    const [name, digest] = image.split('@');
    expect(name).toBe(imageName('bootstrap-custom'));
    expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
  });
});
