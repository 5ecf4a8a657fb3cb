import { describe, EXIT, KiosError } from '@kios/errors';
import type { ArgumentsCamelCase, Argv } from 'yargs';

import { createLogger, type Logger } from './logger.ts';
import { type AgentContext, runAgent } from './run-agent.ts';
import { VERSION } from './version.ts';

/** Flags every verb of every agent has. */
export interface CommonArgs {
  /** Validate the configuration and end. */
  readonly check: boolean;
  /** Print the plan as JSON and change nothing. */
  readonly dryRun: boolean;
}

export interface AgentCommand<Args = object> {
  /** The verb, with its positional arguments in yargs' notation. */
  readonly command: string;
  readonly describe: string;
  readonly builder: (args: Argv) => Argv<Args>;
  /** A method, not a property: a list holds commands of different arguments. */
  run(args: ArgumentsCamelCase<Args> & CommonArgs, context: AgentContext): Promise<void>;
}

/** Lets the compiler infer the arguments of `run` from `builder`. */
export const command = <Args>(spec: AgentCommand<Args>): AgentCommand<Args> => spec;

export interface AgentProgram {
  readonly name: string;
  readonly commands: readonly AgentCommand[];
  /** Understands plain command lines without the parser, which takes long to load; undefined leaves a line to that. */
  readonly quick?: (argv: readonly string[]) => Chosen | undefined;
}

class UsageError extends KiosError {
  constructor(message: string) {
    super('KIOS_USAGE', message, { exitCode: EXIT.usage, remedy: 'See --help.' });
  }
}

type Chosen = (context: AgentContext) => Promise<void>;

/** yargs reads `--timeout=soon` as NaN. */
function refuseNaN(args: object): void {
  for (const [name, value] of Object.entries(args)) {
    if (Number.isNaN(value)) throw new UsageError(`use --${name}: it is not a number`);
  }
}

/** Before the names of flags in the environment. */
const prefixOf = ({ name }: AgentProgram): string =>
  `KIOS_${name.toUpperCase().replaceAll('-', '_')}`;

const hasEnvironment = (program: AgentProgram): boolean =>
  Object.keys(process.env).some((name) => name.startsWith(`${prefixOf(program)}_`));

/** Answers what the command line asks for; undefined when `--help` or `--version` was answered. */
async function choose(program: AgentProgram, argv: readonly string[]): Promise<Chosen | undefined> {
  const quickly = hasEnvironment(program) ? undefined : program.quick?.(argv);
  if (quickly !== undefined) return quickly;
  const { default: yargs } = await import('yargs');
  let chosen: Chosen | undefined;
  const parser = yargs([...argv])
    .scriptName(program.name)
    .version(VERSION)
    .env(prefixOf(program))
    .option('check', {
      type: 'boolean',
      default: false,
      describe: 'Validate the configuration and end',
    })
    .option('dry-run', {
      type: 'boolean',
      default: false,
      describe: 'Print the plan as JSON and change nothing',
    })
    .strict()
    .demandCommand(1, 'a verb is missing')
    .exitProcess(false)
    .fail((message: string | null, error: Error | undefined) => {
      throw error instanceof KiosError
        ? error
        : new UsageError(`read the command line: ${message ?? describe(error)}`);
    });
  for (const verb of program.commands) {
    parser.command(verb.command, verb.describe, verb.builder, (args) => {
      refuseNaN(args);
      const { check, dryRun } = args;
      chosen = (context) =>
        verb.run({ ...args, check: check === true, dryRun: dryRun === true }, context);
    });
  }
  await parser.parseAsync();
  return chosen;
}

/** Parses the command line, runs the verb and answers the exit code. `log` is for tests. */
export async function runProgram(
  program: AgentProgram,
  argv: readonly string[] = process.argv.slice(2),
  log: Logger = createLogger(program.name),
): Promise<number> {
  return runAgent(async (context) => {
    const chosen = await choose(program, argv);
    await chosen?.(context);
  }, log);
}

async function runToEnd(program: AgentProgram): Promise<void> {
  const code = await runProgram(program);
  process.exitCode = code;
  // A handle somebody forgot must not keep a finished agent alive.
  setTimeout(() => process.exit(code), 500).unref();
}

/** What a `main.ts` consists of: runs the program and leaves its exit code to the process. Bundles have no top-level await. */
export function startProgram(program: AgentProgram): void {
  void runToEnd(program);
}
