import { connect } from 'node:tls';

import type { RunningProcess } from '@kios/testkit';
import { parse, stringify } from 'yaml';

import { type BootedNode, powerOn, waitReady } from '../../../src/lab/boot.ts';
import type { ControlPlane } from '../../../src/lab/controlplane/controlplane.ts';
import type { Kubectl } from '../../../src/lab/kubectl.ts';
import { labMachine } from '../../../src/lab/node.ts';
import { chooseAccelerator } from '../../../src/lab/qemu/accelerator.ts';
import type { Seed } from '../../../src/lab/qemu/seed.ts';
import { seedFor } from '../../../src/lab/seed-document.ts';
import { announceServer } from './announce-server.ts';
import { Border, type BorderAddresses } from './border.ts';
import { type RouterSettings, startRouter } from './router.ts';
import type { SegmentLab } from './segment-lab.ts';

const BOOT_MS = 20 * 60_000;
const KUBELET_PORT = 10250;

/** A machine and the segment that it is on. */
export interface SegmentNode {
  readonly nodeName: string;
  readonly mac: string;
  /** The API server's host in the document. */
  readonly host: string;
  /** A network file; without one the node finds its network itself. */
  readonly network?: string;
  readonly border: BorderAddresses;
  readonly router: RouterSettings;
}

/** A node that was Ready, until it is disposed with its segment. */
export interface JoinedNode extends AsyncDisposable {
  readonly node: BootedNode;
  readonly router: RunningProcess;
  /** The node's InternalIPs in their order. */
  readonly addresses: readonly string[];
  /** A port of the workstation's 127.0.0.1 that leads to kubelet at the first of them. */
  readonly kubeletPort: number;
  readonly readySeconds: number;
}

/** A document that also has kubelet ask for a serving certificate, which names the addresses of the node. */
async function seedOf(
  plane: ControlPlane,
  { nodeName, host, network }: SegmentNode,
): Promise<Seed> {
  const seed = seedFor({
    instanceId: nodeName,
    endpoint: `https://${host}:${plane.apiPort}`,
    caCertHash: plane.caCertHash,
    token: await plane.createBootstrapToken(),
    nodeName,
  });
  const kubelet = { config: { serverTLSBootstrap: true } };
  return {
    ...seed,
    'user-data': stringify({ ...parse(seed['user-data']), kubelet }),
    ...(network === undefined ? {} : { 'network-config': network }),
  };
}

async function addressesOf(kubectl: Kubectl, nodeName: string): Promise<string[]> {
  const where = '{.status.addresses[?(@.type=="InternalIP")].address}';
  return (await kubectl.call(['get', 'node', nodeName, '-o', `jsonpath=${where}`])).split(' ');
}

/** Boots the lab's machine, anew, on a segment of its own, and waits until its node is Ready. */
export async function joinOnSegment(lab: SegmentLab, wanted: SegmentNode): Promise<JoinedNode> {
  const { plane, kubectl, image } = lab;
  const { nodeName, host } = wanted;
  await announceServer(lab, `https://${host}:${plane.apiPort}`);
  await using open = new AsyncDisposableStack();
  const border = open.use(await Border.create(wanted.border));
  const router = await startRouter(border, wanted.router);
  await border.offer(plane.apiPort);
  const machine = labMachine();
  await machine.create(image);
  open.defer(() => machine.stop());
  const node = await powerOn(machine, {
    accelerator: await chooseAccelerator(),
    memoryMiB: 2048,
    cpus: 2,
    tap: { device: await border.tap(), mac: wanted.mac },
    netns: border.netns.name,
    workstationPorts: [],
    seed: await seedOf(plane, wanted),
  });
  open.use(node.console);
  const readyAt = await waitReady(node, kubectl, nodeName, AbortSignal.timeout(BOOT_MS));
  const addresses = await addressesOf(kubectl, nodeName);
  const ports: number[] = [];
  for (const address of addresses) {
    const port = await border.lead(address, KUBELET_PORT);
    await plane.setNodeForward(address, port);
    ports.push(port);
  }
  const joined = open.move();
  return {
    node,
    router,
    addresses,
    kubeletPort: ports[0] ?? 0,
    readySeconds: Math.round((readyAt - node.running.startedAt) / 1000),
    [Symbol.asyncDispose]: () => joined.disposeAsync(),
  };
}

/**
 * Returns which of its addresses the certificate of a node's kubelet is for. Fails unless the cluster's CA signed it.
 */
export async function certifiedAddresses(
  caPem: string,
  { kubeletPort, addresses }: Pick<JoinedNode, 'kubeletPort' | 'addresses'>,
): Promise<readonly string[]> {
  const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>();
  const socket = connect({
    host: '127.0.0.1',
    port: kubeletPort,
    ca: caPem,
    // The address that is connected to is the relay's.
    checkServerIdentity: () => undefined,
  });
  socket.once('error', reject).once('secureConnect', () => {
    const certificate = socket.getPeerX509Certificate();
    resolve(addresses.filter((each) => certificate?.checkIP(each) !== undefined));
    socket.destroy();
  });
  return promise;
}
