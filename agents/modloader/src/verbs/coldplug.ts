import { type AgentContext, type Argv, command } from '@kios/agent';

import { byUrgency } from '../core/loading/rank.ts';
import type { Batch } from '../edge/devices/event-queue.ts';
import { HotWait } from '../edge/devices/hot-wait.ts';
import { loadDrivers } from '../edge/loading/coldplug.ts';
import { begin, type SessionArgs } from '../edge/loading/session.ts';
import { JOBS_FLAG, sessionFlags, WAIT_FLAGS, type WaitArgs } from './flags.ts';

/** Loads the drivers of all present devices. A device without a driver is not an error. */
export async function coldplugOnce(
  args: SessionArgs & WaitArgs,
  context: AgentContext,
): Promise<void> {
  const { log, signal } = context;
  using wait = new HotWait(args.check || args.dryRun ? { ...args, waitFor: [] } : args, signal);
  const work = await begin(args, context);
  if (work === undefined) return;
  const { loader, session } = work;
  const walk = async () => loadDrivers(loader, () => session.devices.all(), signal);
  await walk();
  await wait.end(async ({ aliases, isOverrun }: Batch) => {
    await loader.serve(byUrgency(aliases), 'uevent');
    if (isOverrun) await walk();
  });
  log.info({ ev: args.dryRun ? 'plan' : 'coldplug.done', ...work.status(false) });
}

export const coldplug = command({
  command: 'coldplug',
  describe: 'Load the drivers of all present devices',
  builder: (args: Argv) =>
    sessionFlags(args)
      .option('jobs', JOBS_FLAG)
      .options(WAIT_FLAGS)
      .example('$0 coldplug --dry-run', 'Show what would be loaded for the devices present')
      .example('$0 coldplug --wait-for=net:eth0 --timeout=30', 'Fail if there is no eth0 by then'),
  run: coldplugOnce,
});
