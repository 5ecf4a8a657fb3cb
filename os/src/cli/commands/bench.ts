import type { CommandModule } from 'yargs';

import { type KernelName, KERNELS } from '../../build/kernel/kernel-name.ts';
import type { CommandContext } from '../../workstation/command-context.ts';

interface BootArgs {
  json: boolean;
  baseline: boolean;
  kernel: KernelName | undefined;
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

const bootstrapBench = (context: CommandContext): CommandModule<unknown, BootstrapArgs> => ({
  command: 'bootstrap',
  describe: 'Measure the way from the lease into the cluster, and what the agent needs for it',
  builder: (args) =>
    args
      .option('json', { type: 'boolean', default: false, describe: 'Print one JSON object' })
      .option('rounds', { type: 'number', default: 9, describe: 'How often the agent starts' })
      .option('boot', {
        type: 'boolean',
        default: true,
        describe: 'Boot a node too, for the time that kubelet is away',
      })
      .example('$0 bench bootstrap --no-boot', 'The agent alone, in a minute'),
  handler: async ({ json, rounds, boot }) => {
    const { benchBootstrap } = await import('../../bench/bootstrap.ts');
    await benchBootstrap(context, { json, rounds, boot });
  },
});

export const benchCommand = (context: CommandContext): CommandModule => ({
  command: 'bench',
  describe: 'Measure',
  builder: (args) =>
    args
      .command<BootArgs>({
        command: 'boot',
        describe: 'Boot the built image on a processor of exactly 1 GIPS and print the phases',
        builder: (boot) =>
          boot
            .option('json', { type: 'boolean', default: false, describe: 'Print one JSON object' })
            .option('baseline', {
              type: 'boolean',
              default: false,
              describe: 'Also measure Debian with systemd, the same programs and the same pod',
            })
            .option('kernel', { choices: KERNELS, describe: 'Only this one; default: each' })
            .example('$0 bench boot --json', 'For scripts'),
        handler: async ({ json, baseline, kernel }) => {
          const { benchBoot } = await import('../../bench/boot.ts');
          await benchBoot(context, { json, baseline, kernel });
        },
      })
      .command<DhcpArgs>({
        command: 'dhcp',
        describe: 'Compare the DHCP agent with dhcpcd, udhcpc and dhclient on one wire; root',
        builder: (dhcp) =>
          dhcp
            .option('json', { type: 'boolean', default: false, describe: 'Print one JSON object' })
            .option('rounds', {
              type: 'number',
              default: 15,
              describe: 'How often each client starts',
            })
            .example('$0 bench dhcp --json', 'For scripts'),
        handler: async ({ json, rounds }) => {
          const { benchDhcp } = await import('../../bench/dhcp.ts');
          await benchDhcp(context, { json, rounds });
        },
      })
      .command(bootstrapBench(context))
      .demandCommand(1, 'one of its commands is missing: boot, bootstrap, dhcp'),
  handler: () => {},
});
