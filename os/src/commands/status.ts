import type { CommandModule } from 'yargs';

import type { Cli } from './cli.ts';

export const statusCommand = (cli: Cli): CommandModule => ({
  command: 'status',
  describe: 'Show what runs: node, control plane, pods',
  handler: async () => {
    const { statusLines } = await import('../try-out/status.ts');
    for (const line of await statusLines()) cli.print(line);
  },
});
