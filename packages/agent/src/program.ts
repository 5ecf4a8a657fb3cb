import { describe, EXIT, type ExitCode, KiosError } from '@kios/errors';
import type { ArgumentsCamelCase, Argv } from 'yargs';

import { createLogger, type Logger } from './logger.ts';
import { type AgentContext, runAgent } from './run-agent.ts';
import { VERSION } from './version.ts';

/** The flags of every verb that changes something. */
const COMMON_FLAGS = {
  check: { type: 'boolean', default: false, describe: 'Validate the configuration and end' },
  'dry-run': {
    type: 'boolean',
    default: false,
    describe: 'Print the plan as JSON and change nothing',
  },
} as const;

export interface CommonArgs {
  readonly check: boolean;
  readonly dryRun: boolean;
}

export interface AgentCommand<Args = object> {
  /** The verb and its positional arguments, in yargs' notation. */
  readonly command: string;
  readonly describe: string;
  /** The verb changes nothing: it has neither `--check` nor `--dry-run`, and `run` finds both false. */
  readonly isReadOnly?: boolean;
  readonly builder: (args: Argv) => Argv<Args>;
  /**
   * A method, not a property, so that one list can hold commands with different arguments. A verb whose output says all
   * returns an exit code in place of throwing.
   */
  run(args: ArgumentsCamelCase<Args> & CommonArgs, context: AgentContext): Promise<ExitCode | void>;
}

/** Declares a command. The compiler infers the arguments of `run` from `builder`. */
export const command = <Args>(spec: AgentCommand<Args>): AgentCommand<Args> => spec;

export interface AgentProgram {
  readonly name: string;
  readonly commands: readonly AgentCommand[];
  /** Reads plain command lines without the parser, which loads slowly; undefined leaves a line to the parser. */
  readonly quick?: (argv: readonly string[]) => Chosen | undefined;
}

class UsageError extends KiosError {
  constructor(message: string) {
    super('KIOS_USAGE', message, { exitCode: EXIT.usage, remedy: 'See --help.' });
  }
}

type Chosen = (context: AgentContext) => Promise<ExitCode | void>;

/** Fails for flags that are not numbers: yargs reads `--timeout=soon` as NaN. */
function refuseNaN(args: object): void {
  for (const [name, value] of Object.entries(args)) {
    if (Number.isNaN(value)) throw new UsageError(`use --${name}: it is not a number`);
  }
}

/** Returns the prefix of environment variables that set flags. */
const prefixOf = ({ name }: AgentProgram): string =>
  `KIOS_${name.toUpperCase().replaceAll('-', '_')}`;

const hasEnvironment = (program: AgentProgram): boolean =>
  Object.keys(process.env).some((name) => name.startsWith(`${prefixOf(program)}_`));

/** Returns the work that the command line asks for; undefined when it was `--help` or `--version`. */
async function choose(program: AgentProgram, argv: readonly string[]): Promise<Chosen | undefined> {
  const quickly = hasEnvironment(program) ? undefined : program.quick?.(argv);
  if (quickly !== undefined) return quickly;
  const { default: yargs } = await import('yargs');
  let chosen: Chosen | undefined;
  const parser = yargs([...argv])
    .scriptName(program.name)
    .version(VERSION)
    .env(prefixOf(program))
    .strict()
    .demandCommand(1, 'a verb is missing')
    .exitProcess(false)
    .fail((message: string | null, error: Error | undefined) => {
      throw error instanceof KiosError
        ? error
        : new UsageError(`read the command line: ${message ?? describe(error)}`);
    });
  for (const verb of program.commands) {
    const builder = (args: Argv): Argv =>
      verb.builder(verb.isReadOnly === true ? args : args.options(COMMON_FLAGS));
    parser.command(verb.command, verb.describe, builder, (args) => {
      refuseNaN(args);
      const { check, dryRun } = args;
      chosen = (context) =>
        verb.run({ ...args, check: check === true, dryRun: dryRun === true }, context);
    });
  }
  await parser.parseAsync();
  return chosen;
}

/** Parses the command line, runs the verb and returns the exit code. Tests pass `log`. */
export async function runProgram(
  program: AgentProgram,
  argv: readonly string[] = process.argv.slice(2),
  log: Logger = createLogger(program.name),
): Promise<number> {
  let ended: ExitCode = EXIT.ok;
  const code = await runAgent(async (context) => {
    const chosen = await choose(program, argv);
    ended = (await chosen?.(context)) ?? EXIT.ok;
  }, log);
  return code === EXIT.ok ? ended : code;
}

async function runToEnd(program: AgentProgram): Promise<void> {
  const code = await runProgram(program);
  process.exitCode = code;
  // A forgotten handle must not keep a finished agent alive.
  setTimeout(() => process.exit(code), 500).unref();
}

/** The body of every `main.ts`: runs the program and sets the exit code. Bundles have no top-level await. */
export function startProgram(program: AgentProgram): void {
  void runToEnd(program);
}
