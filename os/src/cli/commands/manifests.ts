import type { CommandModule } from 'yargs';

import type { CommandContext } from '../../workstation/command-context.ts';

export const manifestsCommand = (context: CommandContext): CommandModule => ({
  command: 'manifests',
  describe: 'Work with the static pods in manifests/',
  builder: (args) =>
    args
      .command({
        command: 'check',
        describe: 'Check every manifest and report each fault by file, path and cause',
        handler: async () => {
          const { readCheckedManifests } = await import('../../build/manifests/check-folder.ts');
          const files = await readCheckedManifests(context.progress);
          context.print(`${files.length} manifests, no fault`);
        },
      })
      .demandCommand(1, 'manifests needs its command: check')
      .example('$0 manifests check', 'Check your changes without a build'),
  handler: () => {},
});
