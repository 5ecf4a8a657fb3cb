import type { CommandModule } from 'yargs';

import type { CommandContext } from '../../workstation/command-context.ts';
import { usageError } from '../../workstation/usage-error.ts';
import { jsonOption } from './json-option.ts';

interface SecureBootArgs {
  json: boolean;
  tpm: boolean;
  memory: number;
}

const LEAST_MIB = 512;

export const secureBootBench = (
  context: CommandContext,
): CommandModule<unknown, SecureBootArgs> => ({
  command: 'secure-boot',
  describe: 'Compare starts of unsigned and signed systems, and of a small one with its root beside it',
  builder: (args) =>
    args
      .option('json', jsonOption)
      .option('tpm', {
        type: 'boolean',
        default: true,
        describe: 'Also start machines with a TPM, which measure what they start',
      })
      .option('memory', { type: 'number', default: 2048, describe: 'Memory of the machines in MiB' })
      .check(({ memory }) => {
        if (Number.isInteger(memory) && memory >= LEAST_MIB) return true;
        throw usageError(
          `use --memory ${memory}: a node needs at least ${LEAST_MIB} MiB`,
          'Give a number of MiB.',
        );
      })
      .example('$0 bench secure-boot --no-tpm', 'Compare without a TPM, in half the time'),
  handler: async ({ json, tpm, memory }) => {
    const { benchSecureBoot } = await import('../../bench/secure-boot/secure-boot.ts');
    await benchSecureBoot(context, { json, tpm, memoryMiB: memory });
  },
}); // prettier-ignore
