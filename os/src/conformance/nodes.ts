import { rm } from 'node:fs/promises';
import path from 'node:path';

import { followBoot, powerOn } from '../lab/boot.ts';
import { bringUp, type UpNode } from '../lab/bring-up.ts';
import { OTHERS } from '../lab/controlplane/forwards.ts';
import { WORKSTATION_SEEN_BY_GUEST } from '../lab/controlplane/layout.ts';
import { ensureDisk, instanceId, labMachine, machineDir } from '../lab/node.ts';
import { Machine } from '../lab/qemu/machine.ts';
import { type SeedExtras, type SeedFile, seedFor } from '../lab/seed-document.ts';
import type { CommandContext } from '../workstation/command-context.ts';
import { freePort } from '../workstation/free-port.ts';
import { CLUSTER_DNS, EGRESS_PORT } from './add-ons.ts';
import { watching } from './boot-watch.ts';

/** Images, and the pods of a batch. */
const MEMORY_MIB = 3072;
const SECOND = 'kios-node-2';
/** Name of the segment's socket in the first machine's folder. */
const SOCKET = 'segment.sock';

/** QEMU gives it to all first cards. */
const UPLINK_MAC = '52:54:00:12:34:56';
/** A node's card on the segment of two nodes. */
const macOf = (node: number): string => `52:54:00:77:01:0${node}`;
const addressOf = (node: number): string => `192.168.77.${node}`;
/** Part of the shipped network, so that the node's own rules hold for it. */
const podsOf = (node: number): string => `10.85.${node}.0/24`;

/** The document's file that sends pulls of Kubernetes' test images to this workstation. */
const mirror = (registry: string, port: number): SeedFile => {
  const address = `http://${WORKSTATION_SEEN_BY_GUEST}:${port}`;
  return {
    path: `/etc/containerd/certs.d/${registry}/hosts.toml`,
    content: `server = "${address}"\n[host."${address}"]\ncapabilities = ["pull", "resolve"]\n`,
  };
};

/** The shipped bridge, with the node's own part of its network. */
const podNetwork = (node: number): SeedFile => ({
  path: '/etc/cni/net.d/50-two-nodes.conflist',
  content: JSON.stringify({
    cniVersion: '1.0.0',
    name: 'two-nodes',
    plugins: [
      {
        type: 'bridge',
        bridge: 'cni0',
        isGateway: true,
        hairpinMode: true,
        ipam: {
          type: 'host-local',
          ranges: [[{ subnet: podsOf(node) }]],
          routes: [{ dst: '0.0.0.0/0' }],
          dataDir: '/run/cni/networks',
        },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  }),
});

/** The node's card on the segment beside the one that leads to the workstation, and its way to the other's pods. */
function networkOf(node: number, other: number): Required<SeedExtras>['network'] {
  const routes = [{ to: podsOf(other), via: addressOf(other) }];
  return {
    version: 2,
    ethernets: {
      uplink: { match: { macaddress: UPLINK_MAC }, dhcp4: true },
      segment: {
        match: { macaddress: macOf(node) },
        addresses: [`${addressOf(node)}/24`],
        routes,
      },
    },
  };
}

/** What the document of node 1 or 2 says; `other` is the other node, if there are two. */
export function extrasOf(registryPort: number, node: number, other?: number): SeedExtras {
  const mirrors = [mirror('registry.k8s.io', registryPort)];
  const kubelet = { clusterDNS: [CLUSTER_DNS], clusterDomain: 'cluster.local' };
  if (other === undefined) return { files: mirrors, kubelet };
  return {
    files: [...mirrors, podNetwork(node)],
    kubelet,
    nodeIp: addressOf(node),
    network: networkOf(node, other),
  };
}

async function removeSecond(): Promise<void> {
  const machine = new Machine(machineDir(SECOND));
  await machine.stop();
  await rm(machine.dir, { recursive: true, force: true });
}

async function startSecond(context: CommandContext, up: UpNode, port: number): Promise<void> {
  const machine = new Machine(machineDir(SECOND));
  context.undo.defer(removeSecond);
  await ensureDisk(machine, up.image);
  const join = { ...up.join, instanceId: await instanceId(machine), nodeName: SECOND };
  const { forwards: _, ...boot } = up.boot;
  const socket = path.join(path.relative(machine.dir, machineDir()), SOCKET);
  const node = await powerOn(machine, {
    ...boot,
    segment: { socket, listens: false, mac: macOf(2) },
    seed: seedFor(join, extrasOf(port, 2, 1)),
  });
  context.undo.use(node.console);
  await up.controlPlane.setNodeForward(addressOf(2), node.running.kubeletPort);
  const { progress, signal } = context;
  await followBoot(
    node,
    { kubectl: up.kubectl, nodeName: SECOND },
    { progress: watching(progress, 'boot the second node', node), signal },
  );
}

/** Starts one or two nodes of an image, that pull from a registry at a port of this workstation, in a claimed lab. */
export async function startNodes(
  context: CommandContext,
  {
    image,
    nodes,
    registryPort,
  }: { readonly image: string; readonly nodes: 1 | 2; readonly registryPort: number },
): Promise<UpNode> {
  // A run that was killed leaves it.
  await removeSecond();
  const egress = await freePort();
  const up = await bringUp(context, labMachine(), {
    image,
    memoryMiB: MEMORY_MIB,
    cpus: 2,
    offer: [registryPort],
    forwards: [{ from: egress, to: EGRESS_PORT }],
    ...(nodes === 2 ? { segment: { socket: SOCKET, listens: true, mac: macOf(1) } } : {}),
    extras: extrasOf(registryPort, 1, nodes === 2 ? 2 : undefined),
  });
  await up.controlPlane.setNodeForward(OTHERS, egress);
  if (nodes === 2) await startSecond(context, up, registryPort);
  return up;
}
