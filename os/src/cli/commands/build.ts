import type { CommandModule } from 'yargs';

import type { KernelName } from '../../build/kernel/kernel-name.ts';
import type { CommandContext } from '../../workstation/command-context.ts';
import { ARCHES, type Arch } from '../../workstation/paths.ts';
import { kernelOption } from './kernel-option.ts';

const PARTS = ['host', 'image'] as const;

interface BuildArgs {
  arch: Arch;
  kernel: KernelName;
  only: (typeof PARTS)[number] | undefined;
  bootstrap: string | undefined;
}

export const buildCommand = (cli: CommandContext): CommandModule<unknown, BuildArgs> => ({
  command: 'build',
  describe: 'Build the node’s EFI file and disk image into dist/',
  builder: (args) =>
    args
      .option('arch', { choices: ARCHES, default: 'amd64' as const, describe: 'Of the node' })
      .option('kernel', kernelOption)
      .option('bootstrap', {
        type: 'string',
        describe: 'Another bootstrap: a provider, an agent’s folder, or an image to pull',
      })
      .option('only', {
        choices: PARTS,
        describe:
          'host: the programs that run on the node’s host; image: all, but no control plane',
      })
      .example('$0 build', 'Build kios.efi and kios.img for this PC')
      .example('$0 build --bootstrap hetzner', 'A node that asks that cloud and no other')
      .example('$0 build --arch arm64 --only host', 'Compile the host programs for arm64'),
  handler: async ({ arch, kernel, only, bootstrap }) => {
    const { build } = await import('../../build/build.ts');
    await build(cli, { arch, kernel, only, bootstrap });
  },
});
