import path from 'node:path';

import { type AgentContext, type Argv, command, logWait } from '@kios/agent';
import { openUevents } from '@kios/netlink';
import { lock } from '@kios/syscall';

import { requireCapability } from '../edge/kernel/capability.ts';
import { isMonolithic } from '../edge/kernel/linux-kernel.ts';
import { Attempts, jobsHere } from '../edge/loading/attempts.ts';
import { Daemon } from '../edge/loading/daemon.ts';
import { OperatorFiles, reportWaiting } from '../edge/loading/operator-files.ts';
import {
  openSession,
  reportTo,
  type SessionArgs,
  settingFaults,
  startWork,
  waitForModules,
  type Work,
} from '../edge/loading/session.ts';
import { type Turn, turns } from '../edge/loading/turns.ts';
import { StatusFiles } from '../edge/report/status-files.ts';
import { coldplugOnce } from './coldplug.ts';
import { JOBS_FLAG, PROFILE_FLAG, sessionFlags } from './flags.ts';

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
  using operator = new OperatorFiles(args, args.loadDir);
  const faults = settingFaults(log);
  const report = reportTo(log, args, () => files.changed());
  const attempts = new Attempts(jobsHere(args.jobs), signal);
  const start = async (): Promise<Work> =>
    startWork(await openSession(args, faults), report, attempts);
  let work = await start();
  let isReady = false;
  const files = new StatusFiles(args.statusDir, log, () => work.status(isReady));
  await files.reset();
  const daemon = new Daemon(args.loadDir, work, context);
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
  const renew = async (): Promise<void> => {
    work = await start();
    report.tryAgain();
    reportWaiting(work.session, report);
    await daemon.renew(work);
    log.info({ ev: 'settings.changed', file: args.policy });
  };
  const change = async (stop: AbortSignal): Promise<void> => operator.change(stop);
  for await (const turn of turns(uevents, args.laterAfter * 1000, change, signal)) {
    const hasWorked = await serve(daemon, turn, renew);
    if (hasWorked && !isReady) settle.refresh();
  }
}

/** Serves one turn. Returns whether it may have loaded a module for a device. */
async function serve(daemon: Daemon, turn: Turn, renew: () => Promise<void>): Promise<boolean> {
  if (turn === 'changed') await renew();
  else if (turn === 'later') await daemon.later();
  else return daemon.serve(turn);
  return false;
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
      .option('jobs', JOBS_FLAG)
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
