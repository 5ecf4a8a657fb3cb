import { stat } from 'node:fs/promises';

import * as v from 'valibot';

import { MemoryFacts, type ProcessMemory } from '../../../guest/src/memory-facts.ts';
import type { KernelName } from '../../build/kernel/kernel-name.ts';
import { claimLab } from '../../lab/claim-lab.ts';
import { runOnHost } from '../../lab/debug-pod.ts';
import { down } from '../../lab/down.ts';
import { scriptCommand } from '../../lab/guest-program.ts';
import type { CommandContext } from '../../workstation/command-context.ts';
import { formatTable } from '../../workstation/terminal/table.ts';
import { tenths } from '../median.ts';
import { type RestingNode, startRestingNode } from '../resting-node.ts';
import { type Accounts, account, mappedOfRoot } from './accounts.ts';
import { namesIn, type Owner, ownersOf, PodList } from './owners.ts';

interface MemoryOptions {
  readonly json: boolean;
  readonly memoryMiB: number;
  readonly kernel?: KernelName | undefined;
}

const CPUS = 2;
const PAGE = 4096;
/** Files in the table; `--json` has all that the probe told. */
const FILES = 8;

/** Output of `bench memory --json`. */
interface MemoryResult extends Accounts {
  readonly machineMiB: number;
  /** What the kernel never had: its own image, the table of pages and the firmware's part. */
  readonly reservedKiB: number;
  /** By the balloon, before the probe started. */
  readonly usedBeforeProbeKiB: number | undefined;
  readonly swapKiB: number;
  readonly mappedOfRootKiB: number;
  readonly mapped: MemoryFacts['mapped'];
  readonly processes: readonly (Omit<ProcessMemory, 'cgroup'> & Owner & { readonly process: string })[];
} // prettier-ignore

const NOBODYS: Owner = { kind: 'host', name: '' };

/** Puts the figures of a node together. */
export function resultOf(
  facts: MemoryFacts,
  pods: v.InferOutput<typeof PodList>,
  node: {
    readonly machineMiB: number;
    readonly rootBytes: number;
    readonly usedMiB: number | undefined;
  },
): MemoryResult {
  const owners = ownersOf(facts.processes, namesIn(pods), facts.probe);
  const rootKiB = (Math.ceil(node.rootBytes / PAGE) * PAGE) / 1024;
  const { usedMiB } = node;
  return {
    ...account(facts, owners, rootKiB),
    machineMiB: node.machineMiB,
    reservedKiB: node.machineMiB * 1024 - (facts.meminfo['MemTotal'] ?? 0),
    usedBeforeProbeKiB: usedMiB === undefined ? undefined : usedMiB * 1024,
    swapKiB: facts.processes.reduce((sum, { swapKiB }) => sum + swapKiB, 0),
    mappedOfRootKiB: mappedOfRoot(facts),
    mapped: facts.mapped,
    processes: facts.processes
      .map(({ cgroup: _cgroup, name: process, ...rest }) => ({
        process,
        ...rest,
        ...(owners.get(rest.pid) ?? NOBODYS),
      }))
      .toSorted((one, other) => other.privateKiB - one.privateKiB),
  };
}

const mib = (kib: number): string => tenths(kib / 1024).toFixed(1).padStart(8); // prettier-ignore

function report(result: MemoryResult, print: (line: string) => void): void {
  const table = (rows: readonly (readonly string[])[]): void => {
    for (const line of formatTable(rows)) print(line);
    print('');
  };
  table([
    ['process', 'of', ' private', '  shared', 'no file'],
    ...result.processes.map(({ process, name, privateKiB, sharedKiB, anonymousKiB }) => [
      process,
      name,
      mib(privateKiB),
      mib(sharedKiB),
      mib(anonymousKiB),
    ]),
  ]);
  table([
    ['in use, MiB', ''],
    ...result.parts.map(({ name, kib }) => [name, mib(kib)]),
    ['not accounted for', mib(result.unaccountedKiB)],
    ['together', mib(result.usedKiB)],
    ['before the probe', result.usedBeforeProbeKiB === undefined ? '-' : mib(result.usedBeforeProbeKiB)], // prettier-ignore
  ]);
  table([
    ['beside it, MiB', ''],
    ['page cache', mib(result.cacheKiB)],
    ['of it mapped', mib(result.mappedKiB)],
    ['of that the root’s', mib(result.mappedOfRootKiB)],
    ...result.mapped.slice(0, FILES).map(({ file, kib }) => [`  ${file}`, mib(kib)]),
    ['reclaimable slab', mib(result.reclaimableKiB)],
    ['never the kernel’s to give', mib(result.reservedKiB)],
    ['swapped out', mib(result.swapKiB)],
  ]);
}

/** Reads the memory of a node by a probe in a pod. */
async function readMemory({ up }: RestingNode): Promise<MemoryFacts> {
  const output = await runOnHost(up.kubectl, {
    nodeName: up.nodeName,
    command: await scriptCommand('measure-memory', {}),
    // The memory of a process that has rights which the probe has not.
    capabilities: ['SYS_PTRACE', 'DAC_READ_SEARCH'],
  });
  return v.parse(v.pipe(v.string(), v.parseJson(), MemoryFacts), output);
}

/** `kios bench memory`. */
export async function benchMemory(context: CommandContext, options: MemoryOptions): Promise<void> {
  const { progress, print, undo } = context;
  const { json, memoryMiB, kernel } = options;
  using _ = await claimLab(progress);
  const node = await startRestingNode(context, { memoryMiB, cpus: CPUS, kernel });
  const result = await progress.task('read the memory of the node', async () => {
    // Before the probe's pod, whose processes are known by what they are.
    const pods = v.parse(PodList, await node.up.kubectl.get('pods', '--all-namespaces'));
    const facts = await readMemory(node);
    const { size: rootBytes } = await stat(node.root);
    return resultOf(facts, pods, { machineMiB: memoryMiB, rootBytes, usedMiB: node.usedMiB });
  });
  await undo.disposeAsync();
  await down(progress, { purge: true });
  if (json) print(JSON.stringify(result));
  else report(result, print);
}
