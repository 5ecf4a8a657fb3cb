import { EXIT, KiosError } from '@kios/errors';
import type { CommandModule } from 'yargs';

import type { KernelName } from '../../build/kernel/kernel-name.ts';
import type { CommandContext } from '../../workstation/command-context.ts';
import { ARCHES, type Arch, type Board, BOARD_ARCH, BOARDS } from '../../workstation/paths.ts';
import { kernelOption } from './kernel-option.ts';

interface BuildArgs {
  arch: Arch | undefined;
  board: Board | undefined;
  kernel: KernelName;
  bootstrap: string | undefined;
  'host-programs': boolean | undefined;
}

/** Returns the architecture to build for; fails when a board has another one than was asked for. */
function archOf(given: Arch | undefined, board: Board | undefined): Arch {
  if (board === undefined) return given ?? 'amd64';
  const arch = BOARD_ARCH[board];
  if (given === undefined || given === arch) return arch;
  throw new KiosError('KIOS_CLI_USAGE', `build for ${board} as ${given}: the board is ${arch}`, {
    exitCode: EXIT.usage,
    remedy: 'Leave out --arch.',
  });
}

export const buildCommand = (context: CommandContext): CommandModule<unknown, BuildArgs> => ({
  command: 'build',
  describe: 'Build the node’s EFI file and disk image into dist/',
  builder: (args) =>
    args
      .option('arch', {
        choices: ARCHES,
        defaultDescription: 'amd64',
        describe: 'Architecture of the node',
      })
      .option('board', {
        choices: BOARDS,
        describe: 'Board without UEFI, in place of an architecture: rpi4 is a Raspberry Pi 4',
      })
      .option('kernel', kernelOption)
      .option('bootstrap', {
        type: 'string',
        describe:
          'Bootstrap in place of ours: a provider, an agent’s folder, or an image that the node pulls',
      })
      .option('host-programs', {
        type: 'boolean',
        describe: 'Build only containerd, runc, kubelet and the CNI plugins, and print their paths',
      })
      .conflicts('host-programs', ['bootstrap', 'board'])
      .example('$0 build', 'Build kios.efi and kios.img for a PC')
      .example('$0 build --bootstrap hetzner', 'Build a node that asks only this cloud')
      .example('$0 build --board rpi4', 'Build dist/rpi4/kios.img for a Raspberry Pi 4')
      .example('$0 build --arch arm64 --host-programs', 'Compile the host programs for arm64'),
  handler: async ({ arch: given, board, kernel, bootstrap, 'host-programs': hostPrograms }) => {
    const arch = archOf(given, board);
    const { build, buildHostPrograms } = await import('../../build/build.ts');
    if (hostPrograms === true) await buildHostPrograms(context, arch);
    else await build(context, { arch, kernel, bootstrap, board });
  },
});
