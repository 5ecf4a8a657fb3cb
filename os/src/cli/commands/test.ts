import type { CommandModule } from 'yargs';

import { GUEST_SUITES, SUITES, type SuiteName } from '../../checks/suites/suites.ts';
import type { CommandContext } from '../../workstation/command-context.ts';
import { usageError } from '../../workstation/usage-error.ts';

interface TestArgs {
  suite: SuiteName | undefined;
  guest: string[] | undefined;
}

export const testCommand = (context: CommandContext): CommandModule<unknown, TestArgs> => ({
  command: 'test [suite] [guest..]',
  describe: 'Run the tests and print `N passed, N failed`',
  builder: (args) =>
    args
      .positional('suite', { choices: SUITES, describe: 'Suite to run; without it all of them' })
      .positional('guest', {
        type: 'string',
        array: true,
        choices: GUEST_SUITES,
        describe: 'Of e2e only these, which boot the image; slow ones run whatever is recorded',
      })
      .check(({ suite, guest }) => {
        if (suite === 'e2e' || guest === undefined || guest.length === 0) return true;
        throw usageError(
          `run ${guest.join(' ')} of ${suite}: these belong to e2e`,
          `Run ./kios test e2e ${guest.join(' ')}.`,
        );
      })
      .example('$0 test', 'Run checks, unit tests, network namespaces and a node in QEMU')
      .example('$0 test unit', 'Run what needs neither root nor QEMU')
      .example('$0 test e2e time modules', 'Run two suites on guests and record that they passed'),
  handler: async ({ suite, guest }) => {
    const { runTests } = await import('../../checks/suites/run-tests.ts');
    await runTests(context, suite === undefined ? SUITES : [suite], guest);
  },
});
