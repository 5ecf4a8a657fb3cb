import { type AgentContext, type Argv, command } from '@kios/agent';

import { loadDrivers } from '../edge/loading/coldplug.ts';
import { begin, type SessionArgs } from '../edge/loading/session.ts';
import { JOBS_FLAG, sessionFlags } from './flags.ts';

/** Loads the drivers of all present devices. A device without a driver is not an error. */
export async function coldplugOnce(args: SessionArgs, context: AgentContext): Promise<void> {
  const { log, signal } = context;
  const work = await begin(args, context);
  if (work === undefined) return;
  await loadDrivers(work.loader, () => work.session.kernel.allAliases(), signal);
  log.info({ ev: args.dryRun ? 'plan' : 'coldplug.done', ...work.status(false) });
}

export const coldplug = command({
  command: 'coldplug',
  describe: 'Load the drivers of all present devices',
  builder: (args: Argv) => sessionFlags(args).option('jobs', JOBS_FLAG),
  run: coldplugOnce,
});
