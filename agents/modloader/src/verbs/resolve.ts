import { type AgentContext, type Argv, command } from '@kios/agent';

import { openSession, type SessionArgs } from '../edge/loading/session.ts';
import { sessionOptions } from './options.ts';

interface ResolveArgs extends SessionArgs {
  readonly aliases: readonly string[];
}

/** Logs the modules that each alias names and the files that loading them would load. */
async function resolve(args: ResolveArgs, { log }: AgentContext): Promise<void> {
  const { index } = await openSession(args);
  for (const alias of args.aliases) {
    const lookup = index.lookup(alias);
    const files = (lookup?.names ?? []).flatMap((name) => index.probeList(name));
    log.info({
      ev: 'resolve',
      alias,
      modules: lookup?.names ?? [],
      load: [...new Set(files.map(({ file }) => file))],
    });
  }
}

export const resolveVerb = command({
  command: 'resolve <aliases..>',
  describe: 'Print the modules that aliases name and what loading them would load',
  builder: (args: Argv) =>
    sessionOptions(args).positional('aliases', {
      type: 'string',
      array: true,
      default: [],
      describe: 'Aliases of devices, or module names',
    }),
  run: resolve,
});
