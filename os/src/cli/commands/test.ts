import type { CommandModule } from 'yargs';

import { SUITES, type SuiteName } from '../../checks/suites/suites.ts';
import type { CommandContext } from '../../workstation/command-context.ts';

interface TestArgs {
  suite: SuiteName | undefined;
}

export const testCommand = (context: CommandContext): CommandModule<unknown, TestArgs> => ({
  command: 'test [suite]',
  describe: 'Run the tests and print `N passed, N failed`',
  builder: (args) =>
    args
      .positional('suite', { choices: SUITES, describe: 'Suite to run; without it all of them' })
      .example('$0 test', 'Run checks, unit tests, network namespaces and a node in QEMU')
      .example('$0 test unit', 'Run what needs neither root nor QEMU'),
  handler: async ({ suite }) => {
    const { runTests } = await import('../../checks/suites/run-tests.ts');
    await runTests(context, suite === undefined ? SUITES : [suite]);
  },
});
