import type { CommandModule } from 'yargs';

import { SUITES, type SuiteName } from '../../checks/suites/suites.ts';
import type { CommandContext } from '../../workstation/command-context.ts';

interface TestArgs {
  suite: SuiteName | undefined;
}

export const testCommand = (context: CommandContext): CommandModule<unknown, TestArgs> => ({
  command: 'test [suite]',
  describe: 'Run the tests',
  builder: (args) =>
    args
      .positional('suite', { choices: SUITES, describe: 'Only this suite' })
      .example('$0 test', 'Everything: checks, unit tests, network namespaces, a node in QEMU')
      .example('$0 test unit', 'What needs neither root nor QEMU'),
  handler: async ({ suite }) => {
    const { runTests } = await import('../../checks/suites/run-tests.ts');
    await runTests(context, suite === undefined ? SUITES : [suite]);
  },
});
