import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';

import { buildImage } from '../build/image/build-image.ts';
import type { KernelName } from '../build/kernel/kernel-name.ts';
import type { CommandContext } from '../workstation/command-context.ts';
import { ensurePackages } from '../workstation/packages.ts';
import { ensureSpace } from '../workstation/space.ts';
import { formatTable } from '../workstation/terminal/table.ts';
import { type BootedNode, type BootOptions, followBoot, powerOn } from './boot.ts';
import { type ControlPlane, startControlPlane } from './controlplane/controlplane.ts';
import { abandon, down } from './down.ts';
import { Kubectl } from './kubectl.ts';
import { ensureDisk, instanceId, NODE_ADDRESS, NODE_NAME, tryoutMachine } from './node.ts';
import { type Phase, phaseRows } from './phases.ts';
import { chooseAccelerator } from './qemu/accelerator.ts';
import type { Machine } from './qemu/machine.ts';
import { type JoinInformation, seedFor } from './seed-document.ts';
import { lockState } from './state-lock.ts';
import { statusLines } from './status.ts';

export interface UpOptions {
  readonly memoryMiB: number;
  readonly cpus: number;
  readonly kernel?: KernelName;
}

/** A node that is Ready in the cluster of this checkout. */
export interface UpNode {
  readonly node: BootedNode;
  readonly kubectl: Kubectl;
  readonly nodeName: string;
  readonly phases: readonly Phase[];
  /** What it was made of, for those who start it again. */
  readonly image: string;
  readonly boot: Omit<BootOptions, 'seed'>;
  readonly join: JoinInformation;
  readonly controlPlane: ControlPlane;
}

/** Builds, starts the control plane and the node, and waits for Ready. What it started is stopped again when it fails. */
export async function bringUp(
  cli: CommandContext,
  machine: Machine,
  options: UpOptions,
): Promise<UpNode> {
  const { progress, signal, undo } = cli;
  await ensureSpace();
  await ensurePackages(['build', 'machine'], progress);
  const { kernel, ...machineOptions } = options;
  const { image } = await buildImage({
    arch: 'amd64',
    progress,
    ...(kernel === undefined ? {} : { kernel }),
  });
  undo.defer(() => abandon(progress));
  const controlPlane = await startControlPlane({ progress });
  const kubectl = await Kubectl.open(controlPlane.adminKubeconfig);
  const accelerator = await chooseAccelerator();
  await ensureDisk(machine, image);
  const join = {
    instanceId: await instanceId(machine),
    endpoint: controlPlane.endpointForGuest,
    caCertHash: controlPlane.caCertHash,
    token: await controlPlane.createBootstrapToken(),
    nodeName: NODE_NAME,
  };
  const boot = { ...machineOptions, accelerator };
  const node = await powerOn(machine, { ...boot, seed: seedFor(join) });
  undo.use(node.console);
  await controlPlane.setNodeForward(NODE_ADDRESS, node.running.kubeletPort);
  const phases = await followBoot(node, { kubectl, nodeName: NODE_NAME }, { progress, signal });
  return { node, kubectl, nodeName: NODE_NAME, phases, image, boot, join, controlPlane };
}

function report(cli: CommandContext, { node, phases, nodeName }: UpNode): void {
  for (const line of formatTable(phaseRows(phases))) cli.print(line);
  const files = path.relative(process.cwd(), node.machine.dir) || '.';
  cli.print('');
  cli.print(`Node ${nodeName} is Ready. It keeps running; its files are in ${files}.`);
  cli.print('  ./kios kubectl get nodes -o wide');
  cli.print('  ./kios kubectl get pods -A');
  cli.print('  ./kios logs -f kubelet');
  cli.print('  ./kios down');
}

/** `kios up`: leaves the node running. */
export async function up(cli: CommandContext, options: UpOptions): Promise<void> {
  using _ = lockState();
  const machine = tryoutMachine();
  if ((await machine.running()) !== undefined) {
    cli.print('The node is up already.');
    for (const line of await statusLines()) cli.print(line);
    return;
  }
  const started = await bringUp(cli, machine, options);
  started.node.console[Symbol.dispose]();
  cli.undo.move(); // It is up: leaving this command must not stop it.
  report(cli, started);
}

/** `kios up --once`: proves the node by the acceptance list and leaves nothing running. */
export async function upOnce(cli: CommandContext, options: UpOptions): Promise<void> {
  using _ = lockState();
  const { runAcceptance } = await import('../checks/acceptance/run.ts');
  const machine = tryoutMachine();
  if ((await machine.running()) !== undefined)
    throw new KiosError('KIOS_NODE_RUNNING', 'start a node of its own: one is up here already', {
      exitCode: EXIT.unavailable,
      remedy: 'stop it with ./kios down, or name another folder by KIOS_STATE_DIR',
    });
  await down(cli.progress, { purge: true });
  const started = await bringUp(cli, machine, options);
  for (const line of formatTable(phaseRows(started.phases))) cli.print(line);
  await runAcceptance(cli, started);
  await cli.undo.disposeAsync();
  await down(cli.progress, { purge: true });
}
