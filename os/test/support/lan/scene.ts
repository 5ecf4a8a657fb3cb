import { rm } from 'node:fs/promises';

import { buildImage } from '../../../src/build/image/build-image.ts';
import { openToolroot } from '../../../src/build/sources/debian/toolroot.ts';
import { type BootedNode, powerOn, waitReady } from '../../../src/lab/boot.ts';
import {
  type ControlPlane,
  startControlPlane,
} from '../../../src/lab/controlplane/controlplane.ts';
import { down } from '../../../src/lab/down.ts';
import { Kubectl } from '../../../src/lab/kubectl.ts';
import { labMachine, machineDir, NODE_ADDRESS } from '../../../src/lab/node.ts';
import { chooseAccelerator } from '../../../src/lab/qemu/accelerator.ts';
import { Machine } from '../../../src/lab/qemu/machine.ts';
import { Partition } from '../../../src/media/configure/partition.ts';
import { ensurePackages } from '../../../src/workstation/packages.ts';
import { type Progress, silent } from '../../../src/workstation/progress.ts';
import { configureNetwork } from './network-medium.ts';
import { servingPod } from './programs.ts';
import { Segment } from './segment.ts';

const KUBELET = 10250;

export const NODE = { name: 'on-the-lan', mac: '52:54:00:77:00:15', address: NODE_ADDRESS };
/** A guest beside it, which joins no cluster. */
export const SECOND = { name: 'second', mac: '52:54:00:77:00:20', address: '10.0.2.20' };

const NETWORK = `network:
  version: 2
  ethernets:
    card: {match: {driver: virtio_net}}
  bridges:
    br0: {interfaces: [card], dhcp4: true}
pods: {lan: br0}
`;

/** A node that has joined a cluster by the segment that its pods are on, and a second guest. */
export class LanScene implements AsyncDisposable {
  readonly segment: Segment;
  readonly plane: ControlPlane;
  readonly kubectl: Kubectl;
  readonly node: BootedNode;
  readonly #stack: AsyncDisposableStack;

  private constructor(
    parts: Pick<LanScene, 'segment' | 'plane' | 'kubectl' | 'node'>,
    stack: AsyncDisposableStack,
  ) {
    this.segment = parts.segment;
    this.plane = parts.plane;
    this.kubectl = parts.kubectl;
    this.node = parts.node;
    this.#stack = stack;
  }

  /** Returns when the node is Ready. The second guest may still start. */
  static async open(progress: Progress, signal: AbortSignal): Promise<LanScene> {
    await down(silent, { purge: true });
    await ensurePackages(['build', 'machine', 'netns'], progress);
    const { image } = await buildImage({ arch: 'amd64', progress });
    await using stack = new AsyncDisposableStack();
    const segment = stack.use(await Segment.open([NODE, SECOND]));
    stack.defer(() => down(silent, { purge: true }));
    const plane = await startControlPlane({ progress });
    await segment.border.offer(plane.apiPort);
    await startSecond(segment, image, stack);
    const machine = labMachine();
    await machine.create(image);
    const wanted = { hostname: NODE.name, network: NETWORK };
    await configureNetwork(machine.file('disk'), wanted, plane, progress);
    const node = await start(segment, machine, { mac: NODE.mac, memoryMiB: 2048 });
    stack.use(node.console);
    await plane.setNodeForward(NODE.address, await segment.border.lead(NODE.address, KUBELET));
    const kubectl = await Kubectl.open(plane.adminKubeconfig);
    await waitReady(node, kubectl, NODE.name, signal);
    return new LanScene({ segment, plane, kubectl, node }, stack.move());
  }

  /** Starts pods that serve, and waits until they are ready. */
  async startPods(names: readonly string[]): Promise<void> {
    const items = names.map((name) => servingPod(name, NODE.name));
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
    await this.kubectl.call(['create', '-f', '-'], { input: list });
    const pods = names.map((name) => `pod/${name}`);
    await this.kubectl.wait(['wait', '--for=condition=Ready', ...pods]);
  }

  async addressOf(pod: string): Promise<string> {
    return this.kubectl.call(['get', 'pod', pod, '-o', 'jsonpath={.status.podIP}']);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

const start = async (
  { border }: Segment,
  machine: Machine,
  { mac, memoryMiB }: { readonly mac: string; readonly memoryMiB: number },
): Promise<BootedNode> =>
  powerOn(machine, {
    accelerator: await chooseAccelerator(),
    memoryMiB,
    cpus: 2,
    tap: { device: await border.tap(), mac },
    netns: border.netns.name,
    workstationPorts: [],
  });

/** Starts a guest whose only pod of its own serves in its network. */
async function startSecond(
  segment: Segment,
  image: string,
  stack: AsyncDisposableStack,
): Promise<void> {
  const machine = new Machine(machineDir(SECOND.name));
  stack.defer(async () => {
    await machine.stop();
    await rm(machine.dir, { recursive: true, force: true });
  });
  await machine.create(image);
  await writePod(machine.file('disk'));
  const { console } = await start(segment, machine, { mac: SECOND.mac, memoryMiB: 1536 });
  stack.use(console);
}

async function writePod(disk: string): Promise<void> {
  await using partition = await Partition.open(disk, await openToolroot(silent));
  await partition.write(
    'kios/manifests/serve.json',
    Buffer.from(JSON.stringify(servingPod('serve'))),
  );
}
