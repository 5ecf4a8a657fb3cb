import { type AgentContext, type Argv, command } from '@kios/agent';

import { openSession, type SessionArgs, settingFaults } from '../edge/loading/session.ts';
import { sessionFlags } from './flags.ts';

interface ResolveArgs extends SessionArgs {
  readonly aliases: readonly string[];
}

/** Logs the modules that each alias names and the files that loading them would load. */
async function logModules(args: ResolveArgs, { log }: AgentContext): Promise<void> {
  const { index } = await openSession(args, settingFaults(log));
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

export const resolve = command({
  command: 'resolve <aliases..>',
  describe: 'Print the modules that aliases name and what loading them would load',
  isReadOnly: true,
  builder: (args: Argv) =>
    sessionFlags(args).positional('aliases', {
      type: 'string',
      array: true,
      default: [],
      describe: 'Aliases of devices, or module names',
    }),
  run: logModules,
});
