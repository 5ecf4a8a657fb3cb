import { type AgentContext, type Logger, sleep } from '@kios/agent';
import { openUevents, type Uevent, type UeventSource } from '@kios/netlink';
import { lock } from '@kios/syscall';

import { requireCapability } from './capability.ts';
import { coldplug } from './coldplug.ts';
import { isUrgent } from './core/rank.ts';
import { isMonolithic } from './edge/linux-kernel.ts';
import { readLoadFiles } from './edge/module-files.ts';
import { StatusFiles } from './edge/status-files.ts';
import type { Loader } from './loader.ts';
import { coldplugOnce } from './once.ts';
import {
  hasModules,
  missingModules,
  openSession,
  type Session,
  type SessionArgs,
  startWork,
} from './session.ts';

export interface RunArgs extends SessionArgs {
  readonly loadDir: string;
  readonly statusDir: string;
}

/** No work for so long means that the devices of the boot have their drivers. */
const SETTLE_MS = 200;
const LOOK_AGAIN_MS = 1000;
const ACTIONS: ReadonlySet<string> = new Set(['add', 'bind', 'change']);

/** The modules may lie on a volume that is mounted late. */
async function waitForModules(args: RunArgs, log: Logger, signal: AbortSignal): Promise<void> {
  for (let isFirst = true; !hasModules(args); isFirst = false) {
    if (isFirst) log.warn({ ev: 'modules.missing', err: await missingModules(args) });
    await sleep(LOOK_AGAIN_MS, signal);
  }
}

async function loadListed(
  loader: Loader,
  session: Session,
  args: RunArgs,
  log: Logger,
): Promise<void> {
  const names = await readLoadFiles(args.loadDir);
  const listed = names.map((name) => ({ name, required: true }));
  for (const { name, required } of [...session.policy.load, ...listed]) {
    const outcomes = await loader.load(name, 'config');
    if (outcomes.length === 0 && required) log.error({ ev: 'mod.unknown', name });
  }
}

/** Drivers first, those of the network before all; then what the operator lists and what the profiles name. */
async function start(
  loader: Loader,
  session: Session,
  args: RunArgs,
  { log, signal }: AgentContext,
): Promise<void> {
  const { kernel, policy } = session;
  const started = performance.now();
  if (policy.coldplug.enabled) {
    // A bus driver's children first, if they may be the network: the whole boot waits for it.
    await coldplug(loader, () => [...kernel.busAliases()].filter(isUrgent), signal);
    log.info({ ev: 'coldplug.network', ms: Math.round(performance.now() - started) });
    await coldplug(loader, () => kernel.busAliases(), signal);
  }
  await loadListed(loader, session, args, log);
  if (policy.coldplug.enabled) await coldplug(loader, () => kernel.allAliases(), signal);
  log.info({
    ev: 'coldplug.done',
    devices: loader.devices,
    ms: Math.round(performance.now() - started),
  });
  for (const name of session.profileNames) {
    if (signal.aborted) return;
    await loader.load(name, 'profile');
  }
}

function aliasOf(event: Uevent): string[] {
  const alias = event.variables.get('MODALIAS');
  return alias === undefined || !ACTIONS.has(event.action) ? [] : [alias];
}

/** Serves devices as they appear; `worked` is called after each event that loaded something. */
async function hotplug(
  uevents: UeventSource,
  loader: Loader,
  session: Session,
  { log, signal }: AgentContext,
  worked: () => void,
): Promise<void> {
  for await (const event of uevents.events(signal)) {
    if (event === 'overrun') {
      log.warn({ ev: 'uevent.overrun' });
      await coldplug(loader, () => session.kernel.allAliases(), signal);
      worked();
    } else if ((await loader.serve(aliasOf(event), 'uevent')) > 0) worked();
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
  await start(work.loader, session, args, context);
  const becomeReady = (): void => {
    isReady = true;
    const ms = Math.round(performance.now() - started);
    const { loaded, failed } = work.status(true);
    log.info({ ev: 'ready', console: true, loaded: loaded.length, failed: failed.length, ms });
    void files.ready();
  };
  const settle = setTimeout(becomeReady, SETTLE_MS);
  await hotplug(uevents, work.loader, session, context, () => {
    if (!isReady) settle.refresh();
  });
}
