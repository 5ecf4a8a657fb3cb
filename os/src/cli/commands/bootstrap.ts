import path from 'node:path';

import type { Argv, CommandModule } from 'yargs';

import type { CommandContext } from '../../workstation/command-context.ts';

interface RenderArgs {
  files: string[] | undefined;
  provider: string | undefined;
}

interface CheckArgs {
  file: string;
}

const renderCommand = (context: CommandContext): CommandModule<unknown, RenderArgs> => ({
  command: 'render [files..]',
  describe:
    'Print every file that a node would write for these documents, and the origin of each value',
  builder: (args: Argv) =>
    args
      .positional('files', {
        type: 'string',
        array: true,
        describe: 'Bootstrap documents; a later one overrides an earlier one',
      })
      .option('provider', {
        type: 'string',
        describe: 'Provider, as kios.provider= names it on a node’s kernel command line',
      })
      .example('$0 bootstrap render node.yaml', 'Show what a node would do with node.yaml'),
  handler: async ({ files = [], provider }) => {
    const { runBootstrap } = await import('../../lab/bootstrap-agent.ts');
    const documents = files.map((file) => `--config=${path.resolve(file)}`);
    const chosen = provider === undefined ? [] : [`--provider=${provider}`];
    await runBootstrap(context, { verb: 'render', args: [...documents, ...chosen] });
  },
});

const checkCommand = (context: CommandContext): CommandModule<unknown, CheckArgs> => ({
  command: 'check-userdata <file>',
  describe: 'Check that a node would accept this user data, and print what it reads from it',
  builder: (args: Argv) =>
    args
      .positional('file', {
        type: 'string',
        demandOption: true,
        describe: 'User data as the cloud gets it',
      })
      .example(
        '$0 bootstrap check-userdata user-data.txt',
        'Check user data before a machine gets it',
      ),
  handler: async ({ file }) => {
    const { runBootstrap } = await import('../../lab/bootstrap-agent.ts');
    await runBootstrap(context, { verb: 'check-userdata', args: [path.resolve(file)] });
  },
});

export const bootstrapCommand = (context: CommandContext): CommandModule => ({
  command: 'bootstrap',
  describe: 'Try bootstrap documents and user data on this workstation',
  builder: (args) =>
    args
      .command(renderCommand(context))
      .command(checkCommand(context))
      .demandCommand(1, 'bootstrap needs one of its commands: render, check-userdata'),
  handler: () => {},
});
