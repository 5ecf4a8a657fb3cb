import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';
import * as v from 'valibot';

import { fetchBun } from '../build/image/runtime.ts';
import { bringUp } from '../lab/bring-up.ts';
import { abandon, down } from '../lab/down.ts';
import { labMachine } from '../lab/node.ts';
import type { ConsoleEvent } from '../lab/qemu/console-line.ts';
import { bundleAgent } from '../workstation/agent-bundle.ts';
import { workstationArch } from '../workstation/arch.ts';
import type { CommandContext } from '../workstation/command-context.ts';
import { run } from '../workstation/run.ts';
import { formatTable } from '../workstation/terminal/table.ts';
import { median } from './median.ts';

const Rounds = v.pipe(
  v.string(),
  v.parseJson(),
  v.array(
    v.object({
      detectMs: v.number(),
      fetchMs: v.number(),
      leaseToByteMs: v.number(),
      rssMiB: v.number(),
      privateMiB: v.number(),
    }),
  ),
);

/** Output of `bench bootstrap --json`; medians. */
interface BootstrapResult {
  /** Time to detect the cloud from what the firmware reports. */
  readonly detectMs: number;
  /** From the first request to a local metadata service to its last reply. */
  readonly fetchMs: number;
  /** From the lease's file to the byte that restarts kubelet; API server verified, files written. */
  readonly leaseToByteMs: number;
  readonly rssMiB: number;
  /** Memory that is not shared with other agents. */
  readonly privateMiB: number;
  /** On an emulated node, by its own clock: from the byte until kubelet serves again. */
  readonly kubeletAwaySeconds?: number;
}

const BENCH_NODE = { memoryMiB: 2048, cpus: 2 } as const;
const GOALS = { detectMs: 5, leaseToByteMs: 400, rssMiB: 64, kubeletAwaySeconds: 8 } as const;

/**
 * Returns the seconds between init's order to restart kubelet and the next `kubelet.ready`; undefined without both.
 */
export function kubeletAway(events: readonly ConsoleEvent[]): number | undefined {
  const order = events.find(({ agent, ev }) => agent === 'init' && ev === 'control');
  const back = events.find(
    ({ agent, ev, up }) =>
      agent === 'init' && ev === 'kubelet.ready' && order !== undefined && up > order.up,
  );
  return order === undefined || back === undefined ? undefined : back.up - order.up;
}

/** Boots a node into a new cluster, as `up --once` does, and returns how long kubelet was away. */
async function measureSwitch(context: CommandContext): Promise<number | undefined> {
  const machine = labMachine();
  if ((await machine.running()) !== undefined)
    throw new KiosError('KIOS_NODE_RUNNING', 'boot a node to measure: one is already up', {
      exitCode: EXIT.unavailable,
      remedy: 'Run ./kios down, or leave out the boot with --no-boot.',
    });
  await down(context.progress, { purge: true });
  context.undo.defer(() => abandon(context.progress));
  const { node } = await bringUp(context, machine, BENCH_NODE);
  const away = kubeletAway(node.console.events);
  await context.undo.disposeAsync();
  await down(context.progress, { purge: true });
  return away;
}

function report(result: BootstrapResult, print: (line: string) => void): void {
  const goals = new Map<string, number>(Object.entries(GOALS));
  const rows = Object.entries(result).map(([name, value]: [string, number]) => {
    const goal = goals.get(name);
    return [name, String(value), goal === undefined ? '' : `goal ${goal}`];
  });
  for (const line of formatTable(rows)) print(line);
}

interface BenchBootstrapOptions {
  readonly json: boolean;
  readonly rounds: number;
  readonly boot: boolean;
}

/** `kios bench bootstrap`. It needs no root: its network belongs to a user namespace. */
export async function benchBootstrap(
  context: CommandContext,
  options: BenchBootstrapOptions,
): Promise<void> {
  const bundle = await bundleAgent('bootstrap', context.progress);
  const bun = await fetchBun(workstationArch(), context.progress);
  const inside = path.join(import.meta.dirname, 'bootstrap-main.ts');
  const network = 'ip link set lo up && ip address add 169.254.169.254/32 dev lo && exec "$@"';
  const program = [process.execPath, inside, bundle, bun, String(options.rounds)];
  const output = await context.progress.task('bootstrap agent, from lease to byte', () =>
    run('unshare', ['--user', '--map-root-user', '--net', 'sh', '-c', network, 'sh', ...program]),
  );
  const rounds = v.parse(Rounds, output);
  const of = (name: keyof (typeof rounds)[number]): number =>
    median(rounds.map((round) => round[name]));
  const away = options.boot ? await measureSwitch(context) : undefined;
  const result: BootstrapResult = {
    detectMs: of('detectMs'),
    fetchMs: of('fetchMs'),
    leaseToByteMs: of('leaseToByteMs'),
    rssMiB: of('rssMiB'),
    privateMiB: of('privateMiB'),
    ...(away === undefined ? {} : { kubeletAwaySeconds: away }),
  };
  if (options.json) context.print(JSON.stringify(result));
  else report(result, context.print);
}
