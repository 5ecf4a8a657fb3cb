import type { KiosError } from '@kios/errors';
import yargs, { type Argv } from 'yargs';

import { KIOS } from '../build/versions.ts';
import type { CommandContext } from '../workstation/command-context.ts';
import { usageError } from '../workstation/usage-error.ts';
import { benchCommand } from './commands/bench.ts';
import { bootstrapCommand } from './commands/bootstrap.ts';
import { buildCommand } from './commands/build.ts';
import { configureCommand } from './commands/configure.ts';
import { conformanceCommand } from './commands/conformance.ts';
import { doctorCommand } from './commands/doctor.ts';
import { downCommand } from './commands/down.ts';
import { exportCommand } from './commands/export.ts';
import { flashCommand } from './commands/flash.ts';
import { inspectCommand } from './commands/inspect.ts';
import { keysCommand } from './commands/keys.ts';
import { kubectlCommand } from './commands/kubectl.ts';
import { logsCommand } from './commands/logs.ts';
import { manifestsCommand } from './commands/manifests.ts';
import { networkCommand } from './commands/network.ts';
import { profileCommand } from './commands/profile.ts';
import { publishCommand } from './commands/publish.ts';
import { statusCommand } from './commands/status.ts';
import { testCommand } from './commands/test.ts';
import { poweroffCommand, rebootCommand } from './commands/turn.ts';
import { upCommand } from './commands/up.ts';
import { upgradeCommand } from './commands/upgrade.ts';

/** `message` comes from yargs, such as "Unknown argument: ones", or from a `demandCommand`. */
function refuse(message: string): KiosError {
  const fault = message.replaceAll(/\s+/g, ' ').trim();
  const clause = fault.charAt(0).toLowerCase() + fault.slice(1);
  return usageError(
    `read the command line: ${clause}`,
    'See ./kios --help or ./kios COMMAND --help.',
  );
}

/** Builds the parser. It neither ends the process nor prints a failure: `main.ts` does both. */
export function commandLine(argv: readonly string[], context: CommandContext): Argv {
  return yargs([...argv])
    .scriptName('./kios')
    .usage('kiOS, the Kubernetes Operating System: build it, run it, test it.\n\n$0 COMMAND')
    .command(upCommand(context))
    .command(downCommand(context))
    .command(statusCommand(context))
    .command(logsCommand(context))
    .command(kubectlCommand())
    .command(buildCommand(context))
    .command(keysCommand(context))
    .command(flashCommand(context))
    .command(configureCommand(context))
    .command(publishCommand(context))
    .command(inspectCommand(context))
    .command(exportCommand(context))
    .command(manifestsCommand(context))
    .command(bootstrapCommand(context))
    .command(networkCommand(context))
    .command(rebootCommand(context))
    .command(poweroffCommand(context))
    .command(upgradeCommand(context))
    .command(doctorCommand(context))
    .command(testCommand(context))
    .command(conformanceCommand(context))
    .command(benchCommand(context))
    .command(profileCommand(context))
    .completion('completion', 'Print a completion script for bash or zsh')
    .epilogue('$0 COMMAND --help describes a command, docs/errors.md every error code.')
    .demandCommand(1, 'a command is missing')
    .version(KIOS)
    .strict()
    .wrap(Math.min(100, process.stdout.columns ?? 100))
    .exitProcess(false)
    .showHelpOnFail(false)
    .fail((message: string | undefined, error: Error | undefined) => {
      throw error ?? refuse(message ?? 'it is not valid');
    });
}
