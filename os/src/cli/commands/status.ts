import type { CommandModule } from 'yargs';

import type { CommandContext } from '../../workstation/command-context.ts';

interface StatusArgs {
  log: string | undefined;
  json: boolean | undefined;
}

export const statusCommand = (context: CommandContext): CommandModule<unknown, StatusArgs> => ({
  command: 'status',
  describe: 'Show the state of the node, the control plane and the pods',
  builder: (args) =>
    args
      .option('log', {
        type: 'string',
        requiresArg: true,
        describe: 'Serial log of a machine whose last boot to show instead, by phases',
      })
      .option('json', {
        type: 'boolean',
        // Without a default, which would count as given.
        implies: 'log',
        describe: 'Print that boot as JSON',
      })
      .example('$0 status', 'Show the node that ./kios up has started')
      .example('$0 status --log board.log', 'Show how far a board came, and how quickly'),
  handler: async ({ log, json }) => {
    if (log !== undefined) {
      const { showLoggedBoot } = await import('../../lab/log-phases.ts');
      await showLoggedBoot(context, log, json === true);
      return;
    }
    const { statusLines } = await import('../../lab/status.ts');
    for (const line of await statusLines()) context.print(line);
  },
});
