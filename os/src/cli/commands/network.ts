import type { Argv, CommandModule } from 'yargs';

import type { CommandContext } from '../../workstation/command-context.ts';

/** yargs makes an empty text of a lone hyphen. */
const given = (file: string): string => (file === '' ? '-' : file);

interface FileArgs {
  file: string;
  json: boolean;
}

const fileArgs = (args: Argv, json: string): Argv<FileArgs> =>
  args
    .positional('file', {
      type: 'string',
      demandOption: true,
      describe: 'netplan, cloud-init network-config or network_data.json; - is standard input',
    })
    .option('json', { type: 'boolean', default: false, describe: json });

const checkCommand = (context: CommandContext): CommandModule<unknown, FileArgs> => ({
  command: 'check <file>',
  describe: 'Check that a node would take this network file, and print every fault',
  builder: (args: Argv) =>
    fileArgs(args, 'Print one JSON object')
      .example('$0 network check network.yaml', 'Check a file before a machine gets it')
      .example(
        'ssh host cat /etc/netplan/50.yaml | $0 network check -',
        'Check one of another host',
      ),
  handler: async ({ file, json }) => {
    const { checkNetworkFile } = await import('../../media/network/network-file.ts');
    await checkNetworkFile(context, given(file), json);
  },
});

const renderCommand = (context: CommandContext): CommandModule<unknown, FileArgs> => ({
  command: 'render <file>',
  describe: 'Print a network file as netplan, in one order and with defaults resolved',
  builder: (args: Argv) =>
    fileArgs(args, 'Print the links as a node’s agent gets them')
      .example('$0 network render network.yaml', 'Show what a node makes of network.yaml')
      .example('$0 network render network_data.json > network.yaml', 'Convert a file of OpenStack'),
  handler: async ({ file, json }) => {
    const { renderNetworkFile } = await import('../../media/network/network-file.ts');
    await renderNetworkFile(context, given(file), json);
  },
});

export const networkCommand = (context: CommandContext): CommandModule => ({
  command: 'network',
  describe: 'Try a network file on this workstation',
  builder: (args) =>
    args
      .command(checkCommand(context))
      .command(renderCommand(context))
      .demandCommand(1, 'network needs one of its commands: check, render'),
  handler: () => {},
});
