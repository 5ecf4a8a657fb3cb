import type { CommandModule } from 'yargs';

import type { CommandContext } from '../../workstation/command-context.ts';

interface DownArgs {
  purge: boolean;
}

export const downCommand = (context: CommandContext): CommandModule<unknown, DownArgs> => ({
  command: 'down',
  describe: 'Stop the node and its control plane',
  builder: (args) =>
    args
      .option('purge', {
        type: 'boolean',
        default: false,
        describe: 'Also remove their data: disk, certificates and cluster',
      })
      .example('$0 down', 'Stop both; the next `up` continues with the same cluster')
      .example('$0 down --purge', 'Stop both and start afresh next time'),
  handler: async ({ purge }) => {
    const { down } = await import('../../lab/down.ts');
    await down(context.progress, { purge });
  },
});
