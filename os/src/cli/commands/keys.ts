import type { Argv, CommandModule } from 'yargs';

import type { CommandContext } from '../../workstation/command-context.ts';

interface CreateArgs {
  folder: string;
  from: string | undefined;
  microsoft: boolean;
}

const createCommand = (context: CommandContext): CommandModule<unknown, CreateArgs> => ({
  command: 'create <folder>',
  describe: 'Make the keys of Secure Boot with their signed lists, and the key for encrypted disks',
  builder: (args: Argv) =>
    args
      .positional('folder', {
        type: 'string',
        demandOption: true,
        describe: 'A folder that is empty or does not exist yet',
      })
      .option('from', {
        type: 'string',
        describe:
          'Folder of keys of before: PK, KEK and the PCR key stay, and the key that signs is new',
      })
      .option('microsoft', {
        type: 'boolean',
        default: false,
        describe: 'Machines also start what Microsoft signs: option ROMs, and other systems',
      })
      .example('$0 keys create keys', 'Make keys')
      .example('$0 keys create keys-2 --from keys', 'Replace the key that signs systems')
      .epilogue('docs/secure-boot.md tells what each key is for, and where to keep it.'),
  handler: async ({ folder, from, microsoft }) => {
    const { createKeys } = await import('../../build/secure-boot/keys.ts');
    await createKeys(context, { folder, from, microsoft });
  },
});

export const keysCommand = (context: CommandContext): CommandModule => ({
  command: 'keys',
  describe: 'Keys of Secure Boot and encryption',
  builder: (args) =>
    args.command(createCommand(context)).demandCommand(1, 'keys needs its command: create'),
  handler: () => {},
});
