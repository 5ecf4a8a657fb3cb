import type { CommandModule } from 'yargs';

import type { CommandContext } from '../../workstation/command-context.ts';

export const statusCommand = (context: CommandContext): CommandModule => ({
  command: 'status',
  describe: 'Show the state of the node, the control plane and the pods',
  handler: async () => {
    const { statusLines } = await import('../../lab/status.ts');
    for (const line of await statusLines()) context.print(line);
  },
});
