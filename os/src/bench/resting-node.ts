import { setTimeout as sleep } from 'node:timers/promises';

import { EXIT, KiosError } from '@kios/errors';

import { buildImage } from '../build/image/build-image.ts';
import type { KernelName } from '../build/kernel/kernel-name.ts';
import { bringUp, type UpNode } from '../lab/bring-up.ts';
import type { Kubectl } from '../lab/kubectl.ts';
import { labMachine } from '../lab/node.ts';
import { openEmulator } from '../lab/qemu/emulator.ts';
import { splitFlags } from '../lab/qemu/flags.ts';
import type { CommandContext } from '../workstation/command-context.ts';
import { ensurePackages } from '../workstation/packages.ts';
import { ensureSpace } from '../workstation/space.ts';
import { BALLOON, memoryUsed } from './machine.ts';
import { settledMemory } from './settled.ts';

/** A joined node on which nothing is left to do after its boot. */
export interface RestingNode {
  readonly up: UpNode;
  /** Path of the image of its root. */
  readonly root: string;
  /** Memory in use before anybody looked into the node. */
  readonly usedMiB: number | undefined;
}

interface RestingOptions {
  readonly memoryMiB: number;
  readonly cpus: number;
  readonly kernel?: KernelName | undefined;
}

const NAMESPACE = 'kube-system';
/** The last thing that a boot does, half a minute after all others: docs/modules.md. */
const LAST_WORK = '"later.done"';
const REST_MS = 600_000;
const POLL_MS = 2000;

/** Waits until the module loader has done the work that it leaves for after the boot. */
async function waitForLastWork(kubectl: Kubectl, { up, signal }: { up: UpNode; signal: AbortSignal }) {
  const pod = `modloader-${up.nodeName}`;
  for (const end = Date.now() + REST_MS; Date.now() < end; await sleep(POLL_MS)) {
    signal.throwIfAborted();
    if (up.node.console.failure !== undefined) throw up.node.console.failure;
    const log = await kubectl.call(['logs', '-n', NAMESPACE, pod, '-c', 'run']).catch(() => '');
    if (log.includes(LAST_WORK)) return;
  }
  throw new KiosError(
    'KIOS_NODE_TIMEOUT',
    `see ${LAST_WORK} in the log of ${NAMESPACE}/${pod} within ${REST_MS / 1000} s`,
    {
      exitCode: EXIT.unavailable,
      remedy: `Read the whole console in ${up.node.console.file}, and measure on an idle workstation.`,
    },
  );
} // prettier-ignore

/** Boots a node into a new cluster, and waits until its boot is over and its memory has come to rest. */
export async function startRestingNode(
  context: CommandContext,
  { kernel, ...machine }: RestingOptions,
): Promise<RestingNode> {
  const { progress, signal } = context;
  await ensureSpace();
  await ensurePackages(['build', 'machine'], progress);
  await openEmulator('amd64', progress);
  const { image, root } = await buildImage({
    arch: 'amd64',
    progress,
    ...(kernel === undefined ? {} : { kernel }),
  });
  const devices = splitFlags([BALLOON]);
  const up = await bringUp(context, labMachine(), { ...machine, image, devices });
  const usedMiB = await progress.task('wait until the node rests', async (note) => {
    note('the module loader');
    await waitForLastWork(up.kubectl, { up, signal });
    note('memory');
    return settledMemory(() => memoryUsed(up.node.machine.dir));
  });
  return { up, root, usedMiB };
}
