import type { CommandModule } from 'yargs';

import type { CommandContext } from '../../workstation/command-context.ts';

export const manifestsCommand = (cli: CommandContext): CommandModule => ({
  command: 'manifests',
  describe: 'Work with the static pods in manifests/',
  builder: (args) =>
    args
      .command({
        command: 'check',
        describe: 'Validate every manifest; each fault is named by file, path and cause',
        handler: async () => {
          const { checkManifestFolder } = await import('../../build/manifests/check-folder.ts');
          for (const line of await checkManifestFolder()) cli.print(line);
        },
      })
      .demandCommand(1, 'Which of its commands? There is: check')
      .example('$0 manifests check', 'Check what you edited, without a build'),
  handler: () => {},
});
