import path from 'node:path';

import { type AgentContext, type Argv, command, type Logger, logWait } from '@kios/agent';
import { openUevents, type Rejection } from '@kios/netlink';
import { lock, releaseCodePages } from '@kios/syscall';

import { parseCondition } from '../core/devices/condition.ts';
import { EventQueue } from '../edge/devices/event-queue.ts';
import { requireSysfs } from '../edge/devices/sysfs.ts';
import { requireCapability } from '../edge/kernel/capability.ts';
import { isMonolithic } from '../edge/kernel/linux-kernel.ts';
import { Attempts, jobsHere } from '../edge/loading/attempts.ts';
import { waitForModules } from '../edge/loading/kernel-folder.ts';
import { OperatorFiles } from '../edge/loading/operator-files.ts';
import { MODULES_DISABLED, seal } from '../edge/loading/seal.ts';
import { Service } from '../edge/loading/service.ts';
import { openSession, type SessionArgs, settingFaults } from '../edge/loading/session.ts';
import { coldplugOnce } from './coldplug.ts';
import {
  JOBS_FLAG,
  LOAD_DIR_FLAG,
  PROFILE_FLAG,
  sessionFlags,
  WAIT_FLAGS,
  type WaitArgs,
} from './flags.ts';

/** Later than the hints at firmware, which come five seconds after a load. */
const REST_AFTER_MS = 6000;

interface RunArgs extends SessionArgs, WaitArgs {
  readonly loadDir: string;
  readonly statusDir: string;
  /** Seconds. */
  readonly laterAfter: number;
  readonly seal: boolean;
  /** Minutes. */
  readonly sealAfter: number;
  readonly sealFile: string;
}

/** Says once of each kind that messages are ignored: whoever sends one may send a million. */
export function warnOnce(log: Logger): (why: Rejection) => void {
  const said = new Set<Rejection>();
  return (why) => {
    if (said.has(why)) return;
    said.add(why);
    log.warn({ ev: 'uevent.rejected', why });
  };
}

/** Runs the daemon: coldplug, then hotplug until it is stopped. */
async function runDaemon(args: RunArgs, context: AgentContext): Promise<void> {
  const { log, signal } = context;
  const conditions = args.waitFor.map((text) => parseCondition(text));
  if (args.check || args.dryRun) {
    await coldplugOnce(args, context);
    return;
  }
  log.info({ ev: 'start', console: true });
  requireCapability();
  requireSysfs();
  const file = path.join(args.statusDir, 'lock');
  using held = await lock(file, { signal, waiting: logWait(log) });
  log.debug({ ev: 'lock', file: held.file });
  // Subscribed before the first walk, so that no device is missed between the two.
  const queue = new EventQueue(openUevents(warnOnce(log)), signal);
  if (isMonolithic()) log.warn({ ev: 'kernel.monolithic' });
  else await waitForModules(args, log, signal);
  using operator = new OperatorFiles(args, args.loadDir);
  const faults = settingFaults(log);
  const parts = {
    policy: args.policy,
    loadDir: args.loadDir,
    statusDir: args.statusDir,
    conditions,
    timeoutMs: args.timeout * 1000,
    laterAfterMs: args.laterAfter * 1000,
    seal: args.seal
      ? { afterMs: args.sealAfter * 60_000, apply: () => seal(args.sealFile) }
      : undefined,
    rest: { afterMs: REST_AFTER_MS, apply: () => void releaseCodePages() },
    queue,
    attempts: new Attempts(jobsHere(args.jobs), signal),
    open: async () => openSession(args, faults, log),
    change: async (stop: AbortSignal) => operator.change(stop),
  };
  await new Service(parts, context).run();
}

export const run = command({
  command: 'run',
  describe: 'Load the drivers of all devices, now and as they appear',
  builder: (args: Argv) =>
    sessionFlags(args)
      .options(WAIT_FLAGS)
      .option('load-dir', LOAD_DIR_FLAG)
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
      })
      .option('seal', {
        type: 'boolean',
        default: false,
        describe: 'In the end have the kernel load no module any more until the next boot',
      })
      .option('seal-after', {
        type: 'number',
        default: 10,
        describe: 'Minutes from ready until --seal takes effect',
      })
      .option('seal-file', {
        type: 'string',
        default: MODULES_DISABLED,
        describe: 'Where --seal writes; a pod sees it read-only unless its manifest mounts it',
      })
      .example('$0 run --profile=kubernetes --wait-for=net:eth0', 'Be ready once eth0 is there')
      .example('$0 run --seal --seal-after=60', 'Load nothing any more after an hour'),
  run: runDaemon,
});
