import path from 'node:path';

import { type AgentContext, type Argv, command, logWait } from '@kios/agent';
import { openUevents } from '@kios/netlink';
import { lock } from '@kios/syscall';

import { requireCapability } from '../edge/kernel/capability.ts';
import { isMonolithic } from '../edge/kernel/linux-kernel.ts';
import { Daemon } from '../edge/loading/daemon.ts';
import {
  openSession,
  type SessionArgs,
  startWork,
  waitForModules,
} from '../edge/loading/session.ts';
import { turns } from '../edge/loading/turns.ts';
import { StatusFiles } from '../edge/report/status-files.ts';
import { coldplugOnce } from './coldplug.ts';
import { PROFILE_FLAG, sessionFlags } from './flags.ts';

interface RunArgs extends SessionArgs {
  readonly loadDir: string;
  readonly statusDir: string;
  /** Seconds until late devices and profiles are loaded; by then the node's first pods run. */
  readonly laterAfter: number;
}

/** After this time without work the devices present at boot have their drivers. */
const SETTLE_MS = 200;

/** Runs the daemon: coldplug, then hotplug until it is stopped. */
async function runDaemon(args: RunArgs, context: AgentContext): Promise<void> {
  const { log, signal } = context;
  const started = performance.now();
  if (args.check || args.dryRun) {
    await coldplugOnce(args, context);
    return;
  }
  log.info({ ev: 'start', console: true });
  requireCapability();
  if (isMonolithic()) log.warn({ ev: 'kernel.monolithic' });
  const file = path.join(args.statusDir, 'lock');
  using held = await lock(file, { signal, waiting: logWait(log) });
  log.debug({ ev: 'lock', file: held.file });
  // Subscribed before the first walk, so that no device is missed between the two.
  const uevents = openUevents();
  await waitForModules(args, log, signal);
  const session = await openSession(args);
  let isReady = false;
  const work = startWork(session, log, () => files.changed());
  const files = new StatusFiles(args.statusDir, log, () => work.status(isReady));
  await files.reset();
  const daemon = new Daemon(args.loadDir, session, work.loader, context);
  await daemon.start();
  const becomeReady = (): void => {
    isReady = true;
    const ms = Math.round(performance.now() - started);
    const { loaded, failed } = work.status(true);
    log.info({ ev: 'ready', console: true, loaded: loaded.length, failed: failed.length, ms });
    void files.ready();
  };
  const settle = setTimeout(becomeReady, SETTLE_MS);
  signal.addEventListener('abort', () => clearTimeout(settle));
  if (signal.aborted) clearTimeout(settle);
  for await (const turn of turns(uevents, args.laterAfter * 1000, signal)) {
    const worked = turn === 'later' ? await daemon.later() : await daemon.serve(turn);
    if (worked === true && !isReady) settle.refresh();
  }
}

export const run = command({
  command: 'run',
  describe: 'Load the drivers of all devices, now and as they appear',
  builder: (args: Argv) =>
    sessionFlags(args)
      .option('load-dir', {
        type: 'string',
        default: '/etc/modules-load.d',
        describe: 'Folder of modules-load.d files, which name modules to load',
      })
      .option('status-dir', {
        type: 'string',
        default: '/run/kios/modules',
        describe: 'Folder for status.json and ready',
      })
      .option('profile', PROFILE_FLAG)
      .option('later', {
        type: 'string',
        default: '',
        describe: 'Profiles to load once the boot is over, comma-separated',
      })
      .option('later-after', {
        type: 'number',
        default: 30,
        describe: 'Seconds to wait before loading --later profiles and the drivers of late devices',
      }),
  run: runDaemon,
});
