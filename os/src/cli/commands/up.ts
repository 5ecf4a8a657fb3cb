import type { CommandModule } from 'yargs';

import type { KernelName } from '../../build/kernel/kernel-name.ts';
import type { CommandContext } from '../../workstation/command-context.ts';
import { kernelOption } from './kernel-option.ts';
import { checkWhole } from './whole-number.ts';

interface UpArgs {
  once: boolean;
  memory: number;
  cpus: number;
  kernel: KernelName | undefined;
  offer: number[];
}

export const upCommand = (context: CommandContext): CommandModule<unknown, UpArgs> => ({
  command: 'up',
  describe: 'Build kiOS, boot a node in QEMU and join it to a control plane on this workstation',
  builder: (args) =>
    args
      .option('once', {
        type: 'boolean',
        default: false,
        describe:
          'Check the running node against the acceptance list, then remove everything, including what an earlier `up` left',
      })
      .option('memory', { type: 'number', default: 2048, describe: 'Memory of the node in MiB' })
      .option('cpus', { type: 'number', default: 2, describe: 'Number of processors of the node' })
      .option('kernel', {
        ...kernelOption,
        default: undefined,
        defaultDescription: 'kios; without --once, debian as long as kios is not built',
      })
      .option('offer', {
        type: 'number',
        array: true,
        nargs: 1,
        default: [],
        describe:
          'Port of this workstation’s 127.0.0.1 that the guest may reach as 10.0.2.2:PORT; may be given several times',
      })
      .check(({ offer }) => offer.every((port) => checkWhole('offer', port, 1, 65_535)))
      .check(({ memory }) => checkWhole('memory', memory, 512))
      .check(({ cpus }) => checkWhole('cpus', cpus))
      .example('$0 up', 'Start a node and keep it running')
      .example('$0 up --offer 5000', 'Let the node pull from a registry on this workstation')
      .example('$0 up --once', 'Prove that this checkout works and leave nothing running'),
  handler: async ({ once, memory, cpus, kernel, offer }) => {
    const chosen = kernel === undefined ? {} : { kernel };
    const options = { memoryMiB: memory, cpus, ...chosen, offer };
    if (once) {
      const { upOnce } = await import('../../checks/acceptance/up-once.ts');
      await upOnce(context, options);
    } else {
      const { up } = await import('../../lab/up.ts');
      await up(context, options);
    }
  },
});
