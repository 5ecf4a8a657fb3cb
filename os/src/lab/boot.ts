import { setTimeout as sleep } from 'node:timers/promises';

import { EXIT, KiosError } from '@kios/errors';

import { freePort } from '../workstation/free-port.ts';
import type { Progress } from '../workstation/progress.ts';
import type { Kubectl } from './kubectl.ts';
import { freshLogs } from './node.ts';
import { MILESTONES, type Phase, phasesOf } from './phases.ts';
import type { Accelerator } from './qemu/accelerator.ts';
import type { MachineSpec } from './qemu/arguments.ts';
import { Console } from './qemu/console.ts';
import type { Machine, RunningMachine } from './qemu/machine.ts';
import type { Seed } from './qemu/seed.ts';

/** Emulation on a busy workstation is slow, so the deadlines only end a boot that hangs. */
const BOOT_DEADLINE_MS = 300_000;
const READY_DEADLINE_MS = 600_000;
const READY_POLL_MS = 500;

export interface BootOptions extends Pick<
  MachineSpec,
  | 'processor'
  | 'secureBoot'
  | 'quietCard'
  | 'twoCards'
  | 'tap'
  | 'segment'
  | 'forwards'
  | 'cloud'
  | 'disks'
  | 'scsi'
  | 'rtc'
  | 'devices'
  | 'startFrom'
  | 'lockedDisk'
  | 'writeLog'
> {
  readonly accelerator: Accelerator;
  readonly memoryMiB: number;
  readonly cpus: number;
  /** Ports of the workstation's 127.0.0.1 that the guest may reach. */
  readonly workstationPorts: readonly number[];
  /** Undefined of a machine that is configured by its own medium. */
  readonly seed?: Seed;
  readonly netns?: string;
  /** Words for the kernel. Default: those of the lab. A TPM measures them, so that a system with any is another one. */
  readonly words?: readonly string[];
}

/** A machine that was powered on, and its console. */
export interface BootedNode {
  readonly machine: Machine;
  readonly running: RunningMachine;
  readonly console: Console;
}

/**
 * Words for the kernel of an emulated PC. Linux counts ticks at its start and panics when it misses one, which happens
 * to an emulator beside others. It isolates page tables by another table for each system call, for which an emulator
 * forgets all addresses that it has translated: a boot takes 27 % less of its time without, and a node at rest 35 %.
 */
const EMULATED = ['no_timer_check', 'pti=off'];

/** Returns words for the kernel of a PC. */
const wordsFor = ({ accelerator }: BootOptions): string[] => [
  'kios.logport=/dev/ttyS1',
  ...(accelerator === 'tcg' ? EMULATED : []),
];

/**
 * Powers the machine on. The host programs log to the second serial port where QEMU's machine has one, so that the
 * console keeps to events.
 */
export async function powerOn(machine: Machine, options: BootOptions): Promise<BootedNode> {
  await freshLogs(machine);
  const { words = machine.arch === 'amd64' ? wordsFor(options) : [], ...others } = options;
  const running = await machine.start({
    ...others,
    kubeletPort: await freePort(),
    commandLine: words,
  });
  return { machine, running, console: new Console(machine.file('console')) };
}

async function stillRunning(node: BootedNode): Promise<void> {
  if (node.console.failure !== undefined) throw node.console.failure;
  if ((await node.machine.running()) !== undefined) return;
  throw new KiosError('KIOS_NODE_FATAL', 'boot the node: QEMU ended', {
    exitCode: EXIT.unavailable,
    remedy: `Read the console in ${node.console.file}.`,
  });
}

/** Waits until the API server reports the node Ready. Returns the workstation's time then (ms). */
export async function waitReady(
  node: BootedNode,
  kubectl: Kubectl,
  name: string,
  signal: AbortSignal,
): Promise<number> {
  const end = Date.now() + READY_DEADLINE_MS;
  while (Date.now() < end) {
    signal.throwIfAborted();
    await stillRunning(node);
    if (await kubectl.isReady(name)) return Date.now();
    await sleep(READY_POLL_MS);
  }
  const last = node.console.events.at(-1);
  throw new KiosError(
    'KIOS_NODE_TIMEOUT',
    `see node ${name} Ready within ${READY_DEADLINE_MS / 1000} s; the console's last event: ${JSON.stringify(last?.fields)}`,
    { exitCode: EXIT.unavailable, remedy: `Read the whole console in ${node.console.file}.` },
  );
}

/** Follows a boot until the node is Ready, notes each step in the progress, and returns the phases. */
export async function followBoot(
  node: BootedNode,
  cluster: { readonly kubectl: Kubectl; readonly nodeName: string },
  { progress, signal }: { readonly progress: Progress; readonly signal: AbortSignal },
): Promise<Phase[]> {
  const { console, running } = node;
  return progress.task('boot the node', async (note) => {
    note('firmware');
    await console.expect('the kernel', MILESTONES.kernel.reachedBy, BOOT_DEADLINE_MS);
    for (const { name, reachedBy } of [MILESTONES.runtime, MILESTONES.firstPod, MILESTONES.lease]) {
      note(name);
      await console.expect(name, reachedBy, BOOT_DEADLINE_MS);
    }
    note('joining the cluster');
    const readyAt = await waitReady(node, cluster.kubectl, cluster.nodeName, signal);
    // On a fast boot the node is Ready before the last agent has logged its line.
    for (const { name, reachedBy } of [MILESTONES.clock, MILESTONES.joined]) {
      note(name);
      await console.expect(name, reachedBy, BOOT_DEADLINE_MS);
    }
    return phasesOf(console.events, running.startedAt, readyAt);
  });
}
