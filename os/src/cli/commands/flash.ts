import type { KiosError } from '@kios/errors';
import type { Argv, CommandModule } from 'yargs';

import type { CommandContext } from '../../workstation/command-context.ts';
import { usageError } from '../../workstation/usage-error.ts';

interface FlashArgs {
  image: string | undefined;
  device: string | undefined;
  list: boolean;
  verify: boolean;
  yes: boolean;
  serial: string | undefined;
  size: number | undefined;
  large: boolean;
  json: boolean;
}

const DEVICE = /^\/dev\//;

interface Names {
  readonly image: string | undefined;
  readonly device: string | undefined;
}

/**
 * One name alone is a device if it lies in /dev; the image is then the one that was built last. yargs turns the name
 * `-` of a positional into an empty one.
 */
function sorted({ image, device }: FlashArgs): Names {
  if (device === undefined && image !== undefined && DEVICE.test(image))
    return { image: undefined, device: image };
  return { image: image === '' ? '-' : image, device };
}

const refuse = (message: string): KiosError => usageError(message, 'See ./kios flash --help.');

function check({ device, yes, serial, size }: FlashArgs): true {
  if (device === '') throw refuse('find the disk: its name is empty');
  if (size !== undefined && !Number.isSafeInteger(size))
    throw refuse('use --size: it is the number of bytes of the disk');
  if (yes && serial === undefined && size === undefined)
    throw refuse('use --yes: it needs --serial or --size, which say what disk is meant');
  return true;
}

const options = (args: Argv) =>
  args
    .positional('image', {
      type: 'string',
      describe:
        'Disk image, plain or compressed by zstd or xz, or - for standard input; without it kios.img of dist',
    })
    .positional('device', {
      type: 'string',
      describe: 'Disk to write to, as a path or a name; without it the disks are listed',
    })
    .option('list', { type: 'boolean', default: false, describe: 'Only list the disks' })
    .option('verify', {
      type: 'boolean',
      default: false,
      describe: 'Write nothing, only compare the disk with the image',
    })
    .option('yes', {
      alias: 'y',
      type: 'boolean',
      default: false,
      describe: 'Ask nothing; needs --serial or --size',
    })
    .option('serial', {
      type: 'string',
      describe: 'Serial number that the disk must have',
    })
    .option('size', { type: 'number', describe: 'Number of bytes that the disk must have' })
    .option('large', {
      type: 'boolean',
      default: false,
      describe: 'Allow a disk of more than 256 GiB',
    })
    .option('json', {
      type: 'boolean',
      default: false,
      describe: 'Print the result, or the list, as JSON',
    });

export const flashCommand = (context: CommandContext): CommandModule<unknown, FlashArgs> => ({
  command: 'flash [image] [device]',
  describe: 'Write a disk image to a memory card, stick or disk, and verify it',
  builder: (args) =>
    options(args)
      .check(check)
      .example('$0 flash', 'Choose a disk and write what ./kios build made')
      .example('$0 flash kios.img.zst /dev/sdb', 'Write this image to this disk')
      .example('$0 flash --verify kios.img sdb', 'Compare a disk with an image')
      .example('$0 flash --list --json', 'List the disks for a script')
      .example('$0 flash kios.img sdb --yes --serial 4C530001', 'Write without a question')
      .example('curl URL | $0 flash - sdb', 'Write what a server sends'),
  handler: async (args) => {
    if (args.list) {
      const { listCandidates } = await import('../../media/flash/choose-disk.ts');
      await listCandidates(context, args);
    } else {
      const { flash } = await import('../../media/flash/flash.ts');
      await flash(context, { ...args, ...sorted(args) });
    }
  },
});
