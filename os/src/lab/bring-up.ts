import { buildImage } from '../build/image/build-image.ts';
import type { KernelName } from '../build/kernel/kernel-name.ts';
import type { CommandContext } from '../workstation/command-context.ts';
import { ensurePackages } from '../workstation/packages.ts';
import type { Progress } from '../workstation/progress.ts';
import { ensureSpace } from '../workstation/space.ts';
import { type BootedNode, type BootOptions, followBoot, powerOn } from './boot.ts';
import { type ControlPlane, startControlPlane } from './controlplane/controlplane.ts';
import { abandon } from './down.ts';
import { Kubectl } from './kubectl.ts';
import { ensureDisk, instanceId, NODE_ADDRESS, NODE_NAME } from './node.ts';
import type { Phase } from './phases.ts';
import { chooseAccelerator } from './qemu/accelerator.ts';
import { openEmulator } from './qemu/emulator.ts';
import type { Machine } from './qemu/machine.ts';
import { exposureWarning } from './qemu/own-network.ts';
import { type JoinInformation, type SeedExtras, seedFor } from './seed-document.ts';

export interface UpOptions extends Pick<BootOptions, 'scsi' | 'devices' | 'segment' | 'forwards'> {
  readonly memoryMiB: number;
  readonly cpus: number;
  readonly kernel?: KernelName;
  /** A disk image of `buildForLab`. Default: built. */
  readonly image?: string;
  /** Ports of the workstation's 127.0.0.1 that the guest may reach besides the API server's. */
  readonly offer?: readonly number[];
  /** What the node's document says besides the join. */
  readonly extras?: SeedExtras;
  /** A further disk, empty. */
  readonly emptyDisk?: { readonly file: string; readonly bytes: number };
}

/** A node that is Ready in the cluster of this checkout. */
export interface UpNode {
  readonly node: BootedNode;
  readonly kubectl: Kubectl;
  readonly nodeName: string;
  readonly phases: readonly Phase[];
  /** `image`, `boot` and `join` are what starts it again. */
  readonly image: string;
  readonly boot: Omit<BootOptions, 'seed'>;
  readonly join: JoinInformation;
  readonly controlPlane: ControlPlane;
}

/** Installs what the lab needs of the workstation, builds the node's image and returns its path. */
export async function buildForLab(progress: Progress, kernel?: KernelName): Promise<string> {
  await ensureSpace();
  await ensurePackages(['build', 'machine'], progress);
  await openEmulator('amd64', progress);
  const { image } = await buildImage({
    arch: 'amd64',
    progress,
    ...(kernel === undefined ? {} : { kernel }),
  });
  return image;
}

/** Builds the image, starts control plane and node, and waits for Ready. Stops them again on failure. */
export async function bringUp(
  context: CommandContext,
  machine: Machine,
  options: UpOptions,
): Promise<UpNode> {
  const { progress, signal, undo } = context;
  const { kernel, emptyDisk, offer = [], extras = {}, image: built, ...machineOptions } = options;
  const image = built ?? (await buildForLab(progress, kernel));
  undo.defer(() => abandon(progress));
  const controlPlane = await startControlPlane({ progress });
  const kubectl = await Kubectl.open(controlPlane.adminKubeconfig);
  const accelerator = await chooseAccelerator();
  await ensureDisk(machine, image);
  if (emptyDisk !== undefined) await machine.emptyDisk(emptyDisk);
  const join = {
    instanceId: await instanceId(machine),
    endpoint: controlPlane.endpointForGuest,
    caCertHash: controlPlane.caCertHash,
    token: await controlPlane.createBootstrapToken(),
    nodeName: NODE_NAME,
  };
  const workstationPorts = [controlPlane.apiPort, ...offer];
  const boot = { ...machineOptions, accelerator, workstationPorts };
  const node = await powerOn(machine, {
    ...boot,
    ...(emptyDisk === undefined ? {} : { disks: [emptyDisk.file] }),
    seed: seedFor(join, extras),
  });
  undo.use(node.console);
  const { exposed } = node.running;
  if (exposed !== undefined) progress.info(exposureWarning(exposed));
  await controlPlane.setNodeForward(extras.nodeIp ?? NODE_ADDRESS, node.running.kubeletPort);
  const phases = await followBoot(node, { kubectl, nodeName: NODE_NAME }, { progress, signal });
  return { node, kubectl, nodeName: NODE_NAME, phases, image, boot, join, controlPlane };
}
