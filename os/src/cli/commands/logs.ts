import type { CommandModule } from 'yargs';

import type { CommandContext } from '../../workstation/command-context.ts';

interface LogsArgs {
  follow: boolean;
  part: string | undefined;
}

export const logsCommand = (context: CommandContext): CommandModule<unknown, LogsArgs> => ({
  command: 'logs [part]',
  describe: 'Show the node’s console, or the log of one part of the node',
  builder: (args) =>
    args
      .positional('part', {
        type: 'string',
        describe: 'kernel, init, kubelet, containerd or the name of a pod; without it the console',
      })
      .option('follow', {
        alias: 'f',
        type: 'boolean',
        default: false,
        describe: 'Keep printing new lines',
      })
      .example('$0 logs -f kubelet', 'Follow the log of kubelet')
      .example('$0 logs dhcp', 'Show the log of the pod in manifests/dhcp.yaml'),
  handler: async ({ part, follow }) => {
    const { showLogs } = await import('../../lab/logs.ts');
    await showLogs(context, { part, follow });
  },
});
