import { rm } from 'node:fs/promises';

import { imageName } from '../../build/shipped.ts';
import { powerOn, waitReady } from '../../lab/boot.ts';
import { type ControlPlane, startControlPlane } from '../../lab/controlplane/controlplane.ts';
import { abandon } from '../../lab/down.ts';
import { Kubectl } from '../../lab/kubectl.ts';
import { machineDir, NODE_ADDRESS } from '../../lab/node.ts';
import { MILESTONES } from '../../lab/phases.ts';
import { type Accelerator, chooseAccelerator } from '../../lab/qemu/accelerator.ts';
import { Machine } from '../../lab/qemu/machine.ts';
import { seedFor } from '../../lab/seed-document.ts';
import type { CommandContext } from '../../workstation/command-context.ts';
import { type Arch } from '../../workstation/paths.ts';

const MEMORY_MIB = 2048;
/** Emulation of another architecture takes minutes for a step. */
const STEP_MS = 900_000;
const NAME = 'profile';

interface Recording {
  readonly arch: Arch;
  /** Disk image whose root reads nothing ahead. */
  readonly image: string;
  readonly boots: number;
  /** Gets a file with the machine's memory: of a node whose first pod runs, and of one that has done its daily work. */
  readonly saw: (memory: string, moment: 'first pod' | 'daily work') => Promise<void>;
}

/** An ordinary pod, with a network of its own. */
const podOn = (nodeName: string): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: NAME },
    spec: {
      nodeName,
      terminationGracePeriodSeconds: 1,
      containers: [
        {
          name: NAME,
          image: imageName('dhcp'),
          imagePullPolicy: 'Never',
          command: ['/bin/bun', '-e', 'console.log("up"); setInterval(() => {}, 60_000)'],
        },
      ],
    },
  });

/** What an operator does with a node: a pod, its log, a command in it, and its end. */
async function doDailyWork(kubectl: Kubectl, nodeName: string): Promise<void> {
  await kubectl.wait(['wait', '--for=create', 'serviceaccount/default']);
  await kubectl.call(['apply', '-f', '-'], { input: podOn(nodeName) });
  await kubectl.wait(['wait', '--for=condition=Ready', `pod/${NAME}`]);
  await kubectl.call(['logs', NAME]);
  await kubectl.call(['exec', NAME, '--', '/bin/bun', '--version']);
  await kubectl.wait(['delete', 'pod', NAME]);
}

interface Lab {
  readonly machine: Machine;
  readonly accelerator: Accelerator;
  readonly plane: ControlPlane;
  readonly kubectl: Kubectl;
}

async function recordBoot(
  { progress, signal }: CommandContext,
  { machine, accelerator, plane, kubectl }: Lab,
  { image, boots, saw }: Recording,
  boot: number,
): Promise<void> {
  const nodeName = `${NAME}-${boot}`;
  await machine.create(image);
  const node = await powerOn(machine, {
    accelerator,
    memoryMiB: MEMORY_MIB,
    cpus: 2,
    workstationPorts: [plane.apiPort],
    seed: seedFor({
      instanceId: nodeName,
      endpoint: plane.endpointForGuest,
      caCertHash: plane.caCertHash,
      token: await plane.createBootstrapToken(),
      nodeName,
    }),
  });
  const { console, running } = node;
  using _ = console;
  const show = async (moment: Parameters<typeof saw>[1]): Promise<void> => {
    const memory = await machine.saveMemory(MEMORY_MIB);
    await saw(memory, moment);
    await rm(memory);
  };
  await progress.task(`boot ${boot} of ${boots}`, async (note) => {
    note(MILESTONES.firstPod.name);
    await console.expect('the first pod', MILESTONES.firstPod.reachedBy, STEP_MS);
    await show('first pod');
    note('joining the cluster');
    await plane.setNodeForward(NODE_ADDRESS, running.kubeletPort);
    await waitReady(node, kubectl, nodeName, signal);
    await console.expect('the clock', MILESTONES.clock.reachedBy, STEP_MS);
    note('daily work');
    await doDailyWork(kubectl, nodeName);
    await show('daily work');
  });
  await machine.stop();
}

/** Boots nodes one after another, lets each join a cluster and work, and shows their memory on the way. */
export async function recordBoots(context: CommandContext, recording: Recording): Promise<void> {
  const { progress, undo } = context;
  const { arch, boots } = recording;
  const machine = new Machine(machineDir(NAME), arch);
  undo.defer(async () => {
    await machine.stop();
    await abandon(progress);
    await rm(machine.dir, { recursive: true, force: true });
  });
  const plane = await startControlPlane({ progress });
  const kubectl = await Kubectl.open(plane.adminKubeconfig);
  const accelerator = arch === 'amd64' ? await chooseAccelerator() : 'tcg';
  const lab = { machine, accelerator, plane, kubectl };
  for (let boot = 1; boot <= boots; boot += 1) await recordBoot(context, lab, recording, boot);
}
