import type { CommandModule } from 'yargs';

import { type KernelName, KERNELS } from '../../build/kernel/kernel-name.ts';
import type { CommandContext } from '../../workstation/command-context.ts';
import { usageError } from '../../workstation/usage-error.ts';
import { jsonOption } from './json-option.ts';

interface MemoryArgs {
  json: boolean;
  memory: number;
  kernel: KernelName | undefined;
}

const LEAST_MIB = 512;

export const memoryBench = (context: CommandContext): CommandModule<unknown, MemoryArgs> => ({
  command: 'memory',
  describe: 'Boot a node, let it join, and say what is in its memory when it rests',
  builder: (args) =>
    args
      .option('json', jsonOption)
      .option('memory', { type: 'number', default: 2048, describe: 'Memory of the node in MiB' })
      .option('kernel', { choices: KERNELS, describe: 'Kernel of the node; without it kios' })
      .check(({ memory }) => {
        if (Number.isInteger(memory) && memory >= LEAST_MIB) return true;
        throw usageError(
          `use --memory ${memory}: a node that joins needs at least ${LEAST_MIB} MiB`,
          'Give a number of MiB.',
        );
      })
      .example('$0 bench memory', 'List processes and the kernel’s parts, which add up to what is in use')
      .example('$0 bench memory --memory 512 --json', 'The same of a small node, for a program'),
  handler: async ({ json, memory, kernel }) => {
    const { benchMemory } = await import('../../bench/memory/memory.ts');
    await benchMemory(context, { json, memoryMiB: memory, kernel });
  },
}); // prettier-ignore
