import type { CommandModule } from 'yargs';

import type { CommandContext } from '../../workstation/command-context.ts';

interface InspectArgs {
  file: string | undefined;
  diff: string | undefined;
  json: boolean;
}

export const inspectCommand = (context: CommandContext): CommandModule<unknown, InspectArgs> => ({
  command: 'inspect [file]',
  describe: 'Show what is in a disk image, a flashed disk or an EFI file',
  builder: (args) =>
    args
      .positional('file', {
        type: 'string',
        describe: 'Disk image, device, EFI file or root.erofs; by default dist/amd64/kios.img',
      })
      .option('diff', {
        type: 'string',
        requiresArg: true,
        describe: 'Show only how this other file differs from it',
      })
      .option('json', { type: 'boolean', default: false, describe: 'Print one JSON object' })
      .example('$0 inspect', 'Show the image of the last build')
      .example('$0 inspect /dev/sdb', 'Show what a flashed disk holds; needs read access to it')
      .example('$0 inspect old.img --diff dist/amd64/kios.img', 'Show what an update changes')
      .example('$0 inspect dist/amd64/kios.efi --json', 'Print everything for a program'),
  handler: async ({ file, diff, json }) => {
    const { inspect } = await import('../../artefact/inspect/inspect.ts');
    await inspect(context, { file, diff, json });
  },
});
