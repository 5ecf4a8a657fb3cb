import type { CommandModule } from 'yargs';

import { FORMAT_NAMES, FORMATS, type FormatName } from '../../artefact/export/formats.ts';
import type { CommandContext } from '../../workstation/command-context.ts';
import { ARCHES, type Arch, type Board, BOARDS } from '../../workstation/paths.ts';

interface ExportArgs {
  image: string | undefined;
  arch: Arch;
  board: Board | undefined;
  format: FormatName[];
  out: string | undefined;
  url: string | undefined;
  device: string[];
  json: boolean;
}

const uses = Object.entries(FORMATS).map(([name, { use }]) => `${name}: ${use}`);

export const exportCommand = (context: CommandContext): CommandModule<unknown, ExportArgs> => ({
  command: 'export [image]',
  describe: 'Write the disk image in the format of a cloud, a hypervisor or a boot server',
  builder: (args) =>
    args
      .positional('image', {
        type: 'string',
        describe: 'Disk image; by default kios.img of the last build',
      })
      .option('arch', {
        choices: ARCHES,
        default: 'amd64' as const,
        describe: 'Architecture of the build to take, if no image is named',
      })
      .option('board', {
        choices: BOARDS,
        describe: 'Board whose build to take, in place of an architecture',
      })
      .option('format', {
        choices: FORMAT_NAMES,
        array: true,
        demandOption: 'a format is missing: --format',
        requiresArg: true,
        describe: uses.join('; '),
      })
      .option('out', {
        type: 'string',
        requiresArg: true,
        describe: 'Folder for the results; by default export beside the build',
      })
      .option('url', {
        type: 'string',
        requiresArg: true,
        describe: 'For os-list: the address at which the files will be published',
      })
      .option('device', {
        type: 'string',
        array: true,
        requiresArg: true,
        default: [],
        describe: 'For os-list: Imager’s tag of a board that the image is for, such as pi4-64bit',
      })
      .option('json', {
        type: 'boolean',
        default: false,
        describe: 'Print the files with their sizes and digests as one JSON array',
      })
      .example('$0 export --format qcow2', 'For OpenStack or Proxmox')
      .example('$0 export --format vhd gce --out release', 'For Azure and Google, into release/')
      .example('$0 export configured.img --format iso', 'A configured image for a virtual CD drive')
      .example(
        '$0 export --board rpi4 --format os-list --url https://example.com/kios',
        'For Raspberry Pi Imager',
      ),
  handler: async ({ image, arch, board, format, out, url, device, json }) => {
    const { exportCommand: run } = await import('../../artefact/export/export.ts');
    const list = { devices: device, ...(url === undefined ? {} : { url }) };
    await run(context, { image, target: board ?? arch, formats: format, out, list, json });
  },
});
