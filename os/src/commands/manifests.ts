import type { CommandModule } from 'yargs';

import type { Cli } from './cli.ts';

export const manifestsCommand = (cli: Cli): CommandModule => ({
  command: 'manifests',
  describe: 'Work with the static pods in manifests/',
  builder: (args) =>
    args
      .command({
        command: 'check',
        describe: 'Validate every manifest; each fault is named by file, path and cause',
        handler: async () => {
          const { checkManifestFolder } = await import('../manifests/check-folder.ts');
          for (const line of await checkManifestFolder()) cli.print(line);
        },
      })
      .demandCommand(1, 'Which of its commands? There is: check')
      .example('$0 manifests check', 'Check what you edited, without a build'),
  handler: () => {},
});
