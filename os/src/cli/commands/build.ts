import type { CommandModule } from 'yargs';

import type { KernelName } from '../../build/kernel/kernel-name.ts';
import {
  FIRMWARE,
  FIRMWARE_NAMES,
  isFirmwareName,
} from '../../build/sources/debian/firmware-names.ts';
import type { CommandContext } from '../../workstation/command-context.ts';
import { ARCHES, type Arch } from '../../workstation/paths.ts';
import { kernelOption } from './kernel-option.ts';

interface BuildArgs {
  arch: Arch;
  kernel: KernelName;
  bootstrap: string | undefined;
  firmware: string[];
  'host-programs': boolean | undefined;
}

const uses = Object.entries(FIRMWARE).map(([name, { use }]) => `${name}: ${use}`);

export const buildCommand = (context: CommandContext): CommandModule<unknown, BuildArgs> => ({
  command: 'build',
  describe: 'Build the node’s EFI file and disk image into dist/',
  builder: (args) =>
    args
      .option('arch', {
        choices: ARCHES,
        default: 'amd64' as const,
        describe: 'Architecture of the node',
      })
      .option('kernel', kernelOption)
      .option('bootstrap', {
        type: 'string',
        describe:
          'Bootstrap in place of ours: a provider, an agent’s folder, or an image that the node pulls',
      })
      .option('firmware', {
        choices: FIRMWARE_NAMES,
        array: true,
        requiresArg: true,
        default: [],
        // yargs compares with `choices` afterwards.
        coerce: (given: string[]) => given.flatMap((names) => names.split(',')),
        describe: `Firmware that is not free: ${uses.join('; ')} (docs/firmware.md)`,
      })
      .option('host-programs', {
        type: 'boolean',
        describe: 'Build only containerd, runc, kubelet and the CNI plugins, and print their paths',
      })
      .conflicts('host-programs', 'bootstrap')
      .example('$0 build', 'Build kios.efi and kios.img for a PC')
      .example('$0 build --bootstrap hetzner', 'Build a node that asks only this cloud')
      .example('$0 build --firmware realtek,bnx2x', 'Add files for these cards to modules.erofs')
      .example('$0 build --arch arm64 --host-programs', 'Compile the host programs for arm64'),
  handler: async ({ arch, kernel, bootstrap, firmware, 'host-programs': hostPrograms }) => {
    const { build, buildHostPrograms } = await import('../../build/build.ts');
    if (hostPrograms === true) await buildHostPrograms(context, arch);
    else
      await build(context, {
        arch,
        kernel,
        bootstrap,
        firmware: firmware.filter(isFirmwareName),
      });
  },
});
