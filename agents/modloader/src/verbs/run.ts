import { type AgentContext, type Logger, sleep } from '@kios/agent';
import { openUevents, type Uevent, type UeventSource } from '@kios/netlink';
import { lock } from '@kios/syscall';

import { requireCapability } from '../edge/kernel/capability.ts';
import { isMonolithic } from '../edge/kernel/linux-kernel.ts';
import { Daemon } from '../edge/loading/daemon.ts';
import {
  hasModules,
  missingModules,
  openSession,
  type SessionArgs,
  startWork,
} from '../edge/loading/session.ts';
import { StatusFiles } from '../edge/report/status-files.ts';
import { coldplugOnce } from './load.ts';

export interface RunArgs extends SessionArgs {
  readonly loadDir: string;
  readonly statusDir: string;
  /** Seconds until what can wait gets its turn: when the node's first pods are up. */
  readonly laterAfter: number;
}

/** No work for so long means that the devices of the boot have their drivers. */
const SETTLE_MS = 200;
const LOOK_AGAIN_MS = 1000;

/** The modules may lie on a volume that is mounted late. */
async function waitForModules(args: RunArgs, log: Logger, signal: AbortSignal): Promise<void> {
  for (let isFirst = true; !hasModules(args); isFirst = false) {
    if (isFirst) log.warn({ ev: 'modules.missing', err: await missingModules(args) });
    await sleep(LOOK_AGAIN_MS, signal);
  }
}

type Turn = Uevent | 'overrun' | 'later';

/** Device events, and in between, once, the turn of what can wait: one loop, because a loader does one thing at a time. */
async function* turns(
  uevents: UeventSource,
  laterMs: number,
  signal: AbortSignal,
): AsyncGenerator<Turn> {
  const events = uevents.events(signal)[Symbol.asyncIterator]();
  const later = sleep(laterMs, signal).then(
    () => 'later' as const,
    () => undefined,
  );
  let isLaterDue = true;
  let next = events.next();
  while (!signal.aborted) {
    const first = await (isLaterDue ? Promise.race([next, later]) : next);
    if (first === 'later') {
      isLaterDue = false;
      yield 'later';
    } else if (first === undefined || first.done === true) return;
    else {
      next = events.next();
      yield first.value;
    }
  }
}

/** The daemon: coldplug, then hotplug until told to stop. */
export async function run(args: RunArgs, context: AgentContext): Promise<void> {
  const { log, signal } = context;
  const started = performance.now();
  if (args.check || args.dryRun) {
    await coldplugOnce(args, context);
    return;
  }
  log.info({ ev: 'start', console: true });
  requireCapability();
  if (isMonolithic()) log.warn({ ev: 'kernel.monolithic' });
  using held = await lock('kios.modloader.run', signal);
  log.debug({ ev: 'lock', name: held.name });
  // Subscribed before the first walk: a device is seen by the one or the other.
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
