import type { CommandModule } from 'yargs';

import { type KernelName, KERNELS } from '../../build/kernel/kernel-name.ts';
import type { CommandContext } from '../../workstation/command-context.ts';
import { usageError } from '../../workstation/usage-error.ts';
import { growthBench } from './bench-growth.ts';
import { memoryBench } from './bench-memory.ts';
import { runtimesBench } from './bench-runtimes.ts';
import { secureBootBench } from './bench-secure-boot.ts';
import { jsonOption } from './json-option.ts';

interface BootArgs {
  json: boolean;
  // Without defaults: yargs takes a default for a conflict.
  baseline: boolean | undefined;
  kernel: KernelName | undefined;
  memory: string | undefined;
  crun: boolean | undefined;
}

const LEAST_MIB = 256;

/** Reads sizes of memory in MiB, separated by commas. */
function sizesOf(list: string): number[] {
  const sizes = list.split(',').map(Number);
  if (sizes.every((size) => Number.isInteger(size) && size >= LEAST_MIB)) return sizes;
  throw usageError(
    `use --memory ${list}: a size is a whole number of MiB, ${LEAST_MIB} or more`,
    'Give sizes with commas between them, as in 512,2048.',
  );
}

interface BootstrapArgs {
  json: boolean;
  rounds: number;
  boot: boolean;
}

interface DhcpArgs {
  json: boolean;
  rounds: number;
}

interface ModulesArgs {
  json: boolean;
  rounds: number;
  boot: boolean;
}

const bootstrapBench = (context: CommandContext): CommandModule<unknown, BootstrapArgs> => ({
  command: 'bootstrap',
  describe: 'Measure how long the bootstrap agent takes from lease to cluster, and what it uses',
  builder: (args) =>
    args
      .option('json', jsonOption)
      .option('rounds', {
        type: 'number',
        default: 9,
        describe: 'Number of times the agent starts',
      })
      .option('boot', {
        type: 'boolean',
        default: true,
        describe: 'Also boot a node, to measure how long kubelet is down',
      })
      .example('$0 bench bootstrap --no-boot', 'Measure the agent alone, in about a minute'),
  handler: async ({ json, rounds, boot }) => {
    const { benchBootstrap } = await import('../../bench/bootstrap.ts');
    await benchBootstrap(context, { json, rounds, boot });
  },
});

const modulesBench = (context: CommandContext): CommandModule<unknown, ModulesArgs> => ({
  command: 'modules',
  describe: 'Compare the module loader with kmod, and measure its start and memory on a node',
  builder: (args) =>
    args
      .option('json', jsonOption)
      .option('rounds', {
        type: 'number',
        default: 9,
        describe: 'Number of times each program resolves all names',
      })
      .option('boot', {
        type: 'boolean',
        default: true,
        describe: 'Also boot nodes, to measure leases, coldplug and memory',
      })
      .example('$0 bench modules --no-boot', 'Compare with kmod only, in a few minutes'),
  handler: async ({ json, rounds, boot }) => {
    const { benchModules } = await import('../../bench/modules.ts');
    await benchModules(context, { json, rounds, boot });
  },
});

const bootBench = (context: CommandContext): CommandModule<unknown, BootArgs> => ({
  command: 'boot',
  describe: 'Boot the built image on an emulated processor of exactly 1 GIPS and print the phases',
  builder: (boot) =>
    boot
      .option('json', jsonOption)
      .option('baseline', {
        type: 'boolean',
        describe: 'Also measure Debian with systemd, running the same programs and pod',
      })
      .option('kernel', {
        choices: KERNELS,
        describe: 'Kernel to measure; without it each of them',
      })
      .option('memory', {
        type: 'string',
        describe: 'Boot with each of these sizes of memory (MiB) instead',
      })
      .option('crun', {
        type: 'boolean',
        describe: 'Boot with runc, and with Debian’s crun in its place, instead',
      })
      .conflicts('memory', ['baseline', 'crun'])
      .conflicts('crun', 'baseline')
      .check(({ memory }) => memory === undefined || sizesOf(memory).length > 0)
      .example('$0 bench boot --kernel kios', 'Measure our own kernel only')
      .example('$0 bench boot --memory 512,2048,16384', 'See how boot grows with memory'),
  handler: async ({ json, baseline, kernel, memory, crun }) => {
    if (memory !== undefined) {
      const { benchBootMemory } = await import('../../bench/boot-memory.ts');
      return benchBootMemory(context, { json, kernel, sizesMiB: sizesOf(memory) });
    }
    if (crun === true) {
      const { benchOciRuntimes } = await import('../../bench/boot-oci-runtimes.ts');
      return benchOciRuntimes(context, { json, kernel });
    }
    const { benchBoot } = await import('../../bench/boot.ts');
    await benchBoot(context, { json, baseline: baseline === true, kernel });
  },
});

const dhcpBench = (context: CommandContext): CommandModule<unknown, DhcpArgs> => ({
  command: 'dhcp',
  describe: 'Compare the DHCP agent with dhcpcd, udhcpc and dhclient on one link; needs root',
  builder: (dhcp) =>
    dhcp
      .option('json', jsonOption)
      .option('rounds', {
        type: 'number',
        default: 15,
        describe: 'Number of times each client starts',
      })
      .example('$0 bench dhcp --rounds 3', 'Compare them quickly'),
  handler: async ({ json, rounds }) => {
    const { benchDhcp } = await import('../../bench/dhcp.ts');
    await benchDhcp(context, { json, rounds });
  },
});

export const benchCommand = (context: CommandContext): CommandModule => ({
  command: 'bench',
  describe: 'Measure boot time, memory, the agents, and how costs grow',
  builder: (args) =>
    args
      .command(bootBench(context))
      .command(dhcpBench(context))
      .command(bootstrapBench(context))
      .command(growthBench(context))
      .command(memoryBench(context))
      .command(modulesBench(context))
      .command(runtimesBench(context))
      .command(secureBootBench(context))
      .demandCommand(
        1,
        'bench needs one of its commands: boot, bootstrap, dhcp, growth, memory, modules, runtimes, secure-boot',
      ),
  handler: () => {},
});
