import {
  type AgentCommand,
  type AgentContext,
  command,
  type CommonArgs,
  requireNoFaults,
  VERSION,
} from '@kios/agent';

import type { LINK_FLAGS, LinkFlags } from '../core/settings/flags.ts';
import { flagsOf, readFlags, type Values } from '../core/settings/table.ts';
import { readConfig } from '../edge/settings/config.ts';
import { readPlainLine } from '../edge/settings/plain-line.ts';
import { describePlan } from './describe-plan.ts';

/** A verb that works on links. */
interface LinkVerb {
  readonly command: AgentCommand;
  /** The work that a plain command line asks for; undefined leaves the line to the parser. */
  quick(line: readonly string[]): ((context: AgentContext) => Promise<void>) | undefined;
}

/** Declares a verb that works on links, with its flags. `--check` and `--dry-run` come before its work. */
export function linkVerb<const T extends typeof LINK_FLAGS>(
  verb: string,
  describe: string,
  table: T,
  work: (flags: Values<T>, context: AgentContext) => Promise<void>,
): LinkVerb {
  const start = async (flags: Values<T>, context: AgentContext): Promise<void> => {
    context.log.info({
      ev: 'start',
      console: true,
      verb,
      version: VERSION,
      interface: flags.interface,
    });
    await work(flags, context);
  };
  return {
    command: command({
      command: verb,
      describe,
      builder: (args) => args.options(flagsOf(table)),
      run: async (args, context) => {
        const flags = readFlags(table, args);
        if (!(await preview(flags, args, context))) await start(flags, context);
      },
    }),
    quick: (line) => {
      const flags = readPlainLine(table, line);
      return flags && ((context) => start(flags, context));
    },
  };
}

/** Checks the configuration, or prints what it means for each link, where the command line asks only for that. */
async function preview(
  flags: LinkFlags,
  { check, dryRun }: CommonArgs,
  { log }: AgentContext,
): Promise<boolean> {
  if (dryRun) process.stdout.write(`${JSON.stringify(await describePlan(flags, log))}\n`);
  if (check) requireNoFaults((await readConfig(flags)).faults);
  return dryRun || check;
}
