import { writeFileSync } from 'node:fs';
import path from 'node:path';

import { type AgentCommand, type Argv, command, logWait } from '@kios/agent';
import { lock } from '@kios/syscall';

import { type FlagValues, toSettings } from '../core/settings/flags.ts';
import type { JoinContext } from './context.ts';

/** A verb that changes the node. */
interface NodeVerb {
  readonly name: string;
  readonly describe: string;
  readonly builder: (args: Argv) => Argv<FlagValues>;
  /** Returns what `work` would do and changes nothing; rejects when the document is wrong. */
  readonly plan: (context: JoinContext) => Promise<unknown>;
  readonly work: (context: JoinContext) => Promise<void>;
}

/** Prints JSON on standard output. */
export const print = (value: unknown): void =>
  writeFileSync(1, `${JSON.stringify(value, undefined, 2)}\n`);

/** Returns the command of a verb that works alone on its node; with `--check` or `--dry-run` it changes nothing. */
export const nodeVerb = ({ name, describe, builder, plan, work }: NodeVerb): AgentCommand =>
  command({
    command: name,
    describe,
    builder,
    async run(args, { log, signal }) {
      const context: JoinContext = { settings: toSettings(args), log, signal };
      if (args.check || args.dryRun) {
        const planned = await plan(context);
        if (args.dryRun) print(planned);
        return;
      }
      const file = path.join(context.settings.stateDir, 'lock');
      using _ = await lock(file, { signal, waiting: logWait(log) });
      log.info({ ev: 'start', verb: name });
      await work(context);
    },
  });
