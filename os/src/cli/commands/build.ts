import type { CommandModule } from 'yargs';

import type { KernelName } from '../../build/kernel/kernel-name.ts';
import type { CommandContext } from '../../workstation/command-context.ts';
import { ARCHES, type Arch } from '../../workstation/paths.ts';
import { kernelOption } from './kernel-option.ts';

interface BuildArgs {
  arch: Arch;
  kernel: KernelName;
  bootstrap: string | undefined;
  'host-programs': boolean | undefined;
}

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
      .option('host-programs', {
        type: 'boolean',
        describe: 'Build only containerd, runc, kubelet and the CNI plugins, and print their paths',
      })
      .conflicts('host-programs', 'bootstrap')
      .example('$0 build', 'Build kios.efi and kios.img for a PC')
      .example('$0 build --bootstrap hetzner', 'Build a node that asks only this cloud')
      .example('$0 build --arch arm64 --host-programs', 'Compile the host programs for arm64'),
  handler: async ({ arch, kernel, bootstrap, 'host-programs': hostPrograms }) => {
    const { build, buildHostPrograms } = await import('../../build/build.ts');
    if (hostPrograms === true) await buildHostPrograms(context, arch);
    else await build(context, { arch, kernel, bootstrap });
  },
});
