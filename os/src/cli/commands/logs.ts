import type { CommandModule } from 'yargs';

import type { CommandContext } from '../../workstation/command-context.ts';

interface LogsArgs {
  follow: boolean;
  of: string | undefined;
}

export const logsCommand = (context: CommandContext): CommandModule<unknown, LogsArgs> => ({
  command: 'logs [of]',
  describe: 'Show the log of a part of the node',
  builder: (args) =>
    args
      .positional('of', {
        type: 'string',
        describe: 'kernel, init, kubelet, containerd, or a pod; without it the whole console',
      })
      .option('follow', {
        alias: 'f',
        type: 'boolean',
        default: false,
        describe: 'Keep printing what is added',
      })
      .example('$0 logs -f kubelet', 'Follow kubelet')
      .example('$0 logs dhcp', 'The pod of manifests/dhcp.yaml'),
  handler: async ({ of, follow }) => {
    const { showLogs } = await import('../../lab/logs.ts');
    await showLogs(context, { of, follow });
  },
});
