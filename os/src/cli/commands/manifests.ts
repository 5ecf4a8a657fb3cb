import type { Argv, CommandModule } from 'yargs';

import type { CommandContext } from '../../workstation/command-context.ts';

interface CheckArgs {
  files: string[] | undefined;
}

const checkCommand = (context: CommandContext): CommandModule<unknown, CheckArgs> => ({
  command: 'check [files..]',
  describe: 'Check static pods as kubelet and the policy would, and name each fault',
  builder: (args: Argv) =>
    args
      .positional('files', {
        type: 'string',
        array: true,
        describe: 'Manifests, under any name; without them all of manifests/',
      })
      .example('$0 manifests check', 'Check your changes without a build')
      .example('$0 manifests check pods/kube-vip.yaml', 'Check a manifest from elsewhere'),
  handler: async ({ files = [] }) => {
    const { checkFiles, readCheckedManifests } =
      await import('../../build/manifests/check-folder.ts');
    const checked =
      files.length === 0
        ? await readCheckedManifests(context.progress)
        : await checkFiles(context.progress, files);
    context.print(`${checked.length} manifest${checked.length === 1 ? '' : 's'}, no fault`);
  },
});

export const manifestsCommand = (context: CommandContext): CommandModule => ({
  command: 'manifests',
  describe: 'Work with static pods',
  builder: (args) =>
    args
      .command(checkCommand(context))
      .demandCommand(1, 'manifests needs its command: check')
      .example('$0 manifests check', 'Check your changes without a build'),
  handler: () => {},
});
