import { type AgentContext, command } from '@kios/agent';

import { requireCapability } from '../edge/kernel/capability.ts';
import { loadDrivers } from '../edge/loading/coldplug.ts';
import {
  openSession,
  reportTo,
  type SessionArgs,
  settingFaults,
  startWork,
} from '../edge/loading/session.ts';
import { sessionFlags } from './flags.ts';

/** Loads the drivers of all present devices. A device without a driver is not an error. */
export async function coldplugOnce(
  args: SessionArgs,
  { log, signal }: AgentContext,
): Promise<void> {
  const session = await openSession(args, settingFaults(log));
  if (args.check) return;
  if (!args.dryRun) requireCapability();
  const work = startWork(session, reportTo(log, args));
  await loadDrivers(work.loader, () => session.kernel.allAliases(), signal);
  log.info({ ev: args.dryRun ? 'plan' : 'coldplug.done', ...work.status(false) });
}

export const coldplug = command({
  command: 'coldplug',
  describe: 'Load the drivers of all present devices',
  builder: sessionFlags,
  run: coldplugOnce,
});
