import type { CommandModule } from 'yargs';

import type { Cli } from './cli.ts';

interface BootArgs {
  json: boolean;
  baseline: boolean;
}

export const benchCommand = (cli: Cli): CommandModule => ({
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
            .example('$0 bench boot --json', 'For scripts'),
        handler: async ({ json, baseline }) => {
          const { benchBoot } = await import('../bench/boot.ts');
          await benchBoot(cli, { json, baseline });
        },
      })
      .demandCommand(1, 'Which of its commands? There is: boot'),
  handler: () => {},
});
