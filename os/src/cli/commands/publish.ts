import type { CommandModule } from 'yargs';

import { KIOS } from '../../build/versions.ts';
import type { CommandContext } from '../../workstation/command-context.ts';
import { ARCHES, type Arch } from '../../workstation/paths.ts';
import { jsonOption } from './json-option.ts';

interface PublishArgs {
  registry: string;
  tag: string;
  arch: Arch[] | undefined;
  pin: string | undefined;
  'sign-key': string | undefined;
  ca: string | undefined;
  toolbox: boolean;
  json: boolean;
}

export const publishCommand = (context: CommandContext): CommandModule<unknown, PublishArgs> => ({
  command: 'publish <registry>',
  describe: 'Send the images of finished builds to a registry, and the system as one more',
  builder: (args) =>
    args
      .positional('registry', {
        type: 'string',
        demandOption: true,
        describe: 'REGISTRY[/PREFIX]; each image gets a repository below it',
      })
      .option('tag', { type: 'string', default: KIOS, describe: 'Tag, moved when all is there' })
      .option('arch', {
        choices: ARCHES,
        array: true,
        nargs: 1,
        describe: 'Architectures of the images; without it all that are built',
      })
      .option('pin', {
        type: 'string',
        describe: 'Folder for a copy of manifests/ that names the published images by digest',
      })
      .option('sign-key', {
        type: 'string',
        describe: 'Private key (P-256, PEM) to sign with as cosign does',
      })
      .option('ca', {
        type: 'string',
        describe: 'Certificates of the authority of a private registry',
      })
      .option('toolbox', {
        type: 'boolean',
        default: false,
        describe: 'Also send the toolbox, an image for kubectl debug node (docs/inspect.md)',
      })
      .option('json', jsonOption)
      .example('$0 publish registry.example/kios', 'Send what dist/ has, as docker login allows')
      .example(
        '$0 publish registry.example/kios --pin pinned --sign-key key.pem',
        'Sign it, and write manifests that use it',
      )
      .example('$0 publish registry.example/kios --toolbox', 'Send programs to look at nodes too')
      .epilogue('docs/publish.md tells what is sent and how to verify it.'),
  handler: async ({ registry, arch = [], 'sign-key': signKey, json, tag, pin, ca, toolbox }) => {
    const { publish } = await import('../../publish/publish.ts');
    const wanted = { to: registry, tag, arches: arch, pin, signKey, ca, toolbox };
    const result = await publish(context, wanted);
    if (json) context.print(JSON.stringify(result));
    else for (const { reference } of result.images) context.print(reference);
  },
});
