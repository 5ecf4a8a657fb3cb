import { readFile } from 'node:fs/promises';

import type { NtpServer } from '@kios/testkit/ntp';
import { Authority, startNtsServer } from '@kios/testkit/nts';

import { type BootedNode, powerOn, waitReady } from '../../../src/lab/boot.ts';
import { labMachine, NODE_ADDRESS } from '../../../src/lab/node.ts';
import { MILESTONES } from '../../../src/lab/phases.ts';
import { chooseAccelerator } from '../../../src/lab/qemu/accelerator.ts';
import { type SeedFile, seedFor } from '../../../src/lab/seed-document.ts';
import type { SegmentLab } from '../relay/segment-lab.ts';
import { NTS_SERVER, TIME_SERVER, TimeSegment } from './time-segment.ts';

const BOOT_MS = 20 * 60_000;
const KERNEL_MS = 5 * 60_000;
const KUBELET_PORT = 10250;

const AUTHORITY = '/etc/kios/time/ca.pem';
export const TIME_YAML = '/etc/kios/time/time.yaml';
/** The line of chrony.conf that only a chronyd reads which starts again. */
export const TRUSTED = `ntstrustedcerts ${AUTHORITY}`;

/**
 * Once it counts, chronyd asks a server every second, so that a test sees what it makes of the replies, and trusts the
 * test's own authority.
 */
const settings = (server: string): string =>
  `servers: [{ ${server}, minpoll: 0, maxpoll: 0 }]\nfallbackPools: []\nextra: ${TRUSTED}\n`;

/** `time.yaml` as it comes with the document. */
const BY_DOCUMENT = settings(`address: ${TIME_SERVER}`);
/** `time.yaml` as somebody changes it later. The lease's server has another time by then. */
export const BY_NTS = `${settings(`address: ${NTS_SERVER}, nts: true`)}useDhcp: ignore\n`;

/** Starts the server of NTS. Returns what the document brings for both servers. */
async function serveNts({ border: { netns } }: TimeSegment): Promise<readonly SeedFile[]> {
  const authority = await Authority.create(netns);
  const proof = await authority.issue(`IP:${NTS_SERVER}`);
  await startNtsServer(netns, { ...proof, address: NTS_SERVER });
  return [
    { path: AUTHORITY, content: await readFile(authority.certificate, 'utf8') },
    { path: TIME_YAML, content: BY_DOCUMENT },
  ];
}

/** Requests of the node to which its time server does not reply. chronyd asks eight times before it takes a pause. */
export const SILENT_REQUESTS = 4;

/** A node on a segment whose time server is silent at first, until it is disposed with its segment. */
export interface LateNode extends AsyncDisposable {
  readonly node: BootedNode;
  readonly segment: TimeSegment;
  /** The first time server. */
  readonly server: NtpServer;
  /** Waits until the node is Ready, and returns the seconds since power-on. */
  ready(): Promise<number>;
}

/** Powers the lab's machine on, with a fresh disk and this time in its hardware clock. */
export async function powerOnLate(
  { plane, kubectl, image }: SegmentLab,
  { nodeName, rtc }: { readonly nodeName: string; readonly rtc: string },
): Promise<LateNode> {
  await using stack = new AsyncDisposableStack();
  const segment = stack.use(await TimeSegment.open(plane.apiPort));
  const server = await segment.serve({ loss: 1, times: SILENT_REQUESTS }, {});
  const files = await serveNts(segment);
  const machine = labMachine();
  await machine.create(image);
  stack.defer(() => machine.stop());
  const join = {
    instanceId: nodeName,
    endpoint: plane.endpointForGuest,
    caCertHash: plane.caCertHash,
    token: await plane.createBootstrapToken(),
    nodeName,
  };
  const node = await powerOn(machine, {
    accelerator: await chooseAccelerator(),
    memoryMiB: 2048,
    cpus: 2,
    rtc,
    tap: { device: await segment.border.tap() },
    netns: segment.border.netns.name,
    workstationPorts: [],
    seed: seedFor(join, { files }),
  });
  stack.use(node.console);
  // Each row would wait for a guest that never comes so far.
  await node.console.expect('the kernel', MILESTONES.kernel.reachedBy, KERNEL_MS);
  await plane.setNodeForward(NODE_ADDRESS, await segment.border.lead(NODE_ADDRESS, KUBELET_PORT));
  const open = stack.move();
  return {
    node,
    segment,
    server,
    ready: async () => {
      const at = await waitReady(node, kubectl, nodeName, AbortSignal.timeout(BOOT_MS));
      return Math.round((at - node.running.startedAt) / 1000);
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}
