import path from 'node:path';

import type { Argv, CommandModule } from 'yargs';

import type { CommandContext } from '../../workstation/command-context.ts';

interface RenderArgs {
  files: string[] | undefined;
  config: string[];
  provider: string | undefined;
}

interface CheckArgs {
  file: string;
}

const renderCommand = (context: CommandContext): CommandModule<unknown, RenderArgs> => ({
  command: 'render [files..]',
  describe: 'Print every file that a node would write for these documents',
  builder: (args: Argv) =>
    args
      .positional('files', {
        type: 'string',
        array: true,
        describe: 'Bootstrap documents; the last outweighs the others',
      })
      .option('config', { type: 'string', array: true, default: [], describe: 'The same' })
      .option('provider', { type: 'string', describe: 'As `kios.provider=` on a node' })
      .option('dry-run', { type: 'boolean', default: true, describe: 'Always so here' })
      .example('$0 bootstrap render node.yaml', 'What would a node make of it, and why?'),
  handler: async ({ files = [], config, provider }) => {
    const { runBootstrap } = await import('../../lab/bootstrap-agent.ts');
    const documents = [...files, ...config].map((file) => `--config=${path.resolve(file)}`);
    const chosen = provider === undefined ? [] : [`--provider=${provider}`];
    await runBootstrap(context.progress, {
      verb: 'render',
      args: ['--dry-run', ...documents, ...chosen],
    });
  },
});

const checkCommand = (context: CommandContext): CommandModule<unknown, CheckArgs> => ({
  command: 'check-userdata <file>',
  describe: 'Say whether a node would take this user data, and what it reads in it',
  builder: (args: Argv) =>
    args
      .positional('file', { type: 'string', demandOption: true, describe: 'As given to the cloud' })
      .example('$0 bootstrap check-userdata user-data.txt', 'Before a hundred machines get it'),
  handler: async ({ file }) => {
    const { runBootstrap } = await import('../../lab/bootstrap-agent.ts');
    await runBootstrap(context.progress, { verb: 'check-userdata', args: [path.resolve(file)] });
  },
});

export const bootstrapCommand = (context: CommandContext): CommandModule => ({
  command: 'bootstrap',
  describe: 'Try bootstrap documents and user data on this PC',
  builder: (args) =>
    args
      .command(renderCommand(context))
      .command(checkCommand(context))
      .demandCommand(1, 'one of its commands is missing: render, check-userdata'),
  handler: () => {},
});
