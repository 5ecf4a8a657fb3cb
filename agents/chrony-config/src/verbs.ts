import {
  type AgentContext,
  type CommonArgs,
  DirectoryWatch,
  resolveOnNode,
  sleep,
} from '@kios/agent';
import { EXIT, KiosError } from '@kios/errors';
import { isSane, readState, TimeState } from '@kios/node-state';
import { lock } from '@kios/syscall';

import { readClock, readFloor, watchClock } from './clock-watch.ts';
import { formatChronyConf } from './core/chrony-conf.ts';
import { pickAddresses } from './core/pick-addresses.ts';
import { planSources } from './core/plan-sources.ts';
import type { TimeConfig } from './core/time-config.ts';
import { chronydAt, removeStaleSockets } from './edge/chronyd.ts';
import { type Layout, prepare, writeConf, writeSources } from './files.ts';
import { type InputArgs, readConfig, readInputs } from './inputs.ts';
import { Sources } from './sources.ts';

export interface RenderArgs extends InputArgs, CommonArgs {
  readonly out: string;
  readonly socket: string;
  readonly stateDir: string;
  readonly chronyVersion: string;
  readonly leapSeconds: string | undefined;
}

const layoutOf = ({ out, socket }: RenderArgs): Layout => ({ dir: out, socket });

const confOf = (args: RenderArgs, { makestep }: TimeConfig): string =>
  formatChronyConf({
    dir: args.out,
    stateDir: args.stateDir,
    socket: args.socket,
    version: args.chronyVersion,
    leapSeconds: args.leapSeconds,
    makestep,
  });

/** `render`: everything chronyd needs to start, from what is known now. Waits for nothing. */
export async function render(args: RenderArgs, { log }: AgentContext): Promise<void> {
  const layout = layoutOf(args);
  if (args.check) {
    await readConfig(args);
    return;
  }
  const { errors, ...inputs } = await readInputs(args, layout);
  const plan = planSources({ ...inputs, resolved: new Map() });
  const conf = confOf(args, inputs.config);
  if (args.dryRun) {
    log.info({ ev: 'plan', 'chrony.conf': conf, sources: Object.fromEntries(plan.files) });
    return;
  }
  for (const err of errors) log.warn({ ev: 'input.bad', err });
  await prepare(layout);
  const isNewConf = await writeConf(layout, conf);
  const changed = await writeSources(layout, plan.files);
  log.info({
    ev: 'render',
    files: [...plan.files.keys()],
    changed: isNewConf ? ['chrony.conf', ...changed] : changed,
  });
}

export interface WatchArgs extends RenderArgs {
  readonly floor: string;
  readonly resolvConf: string;
  readonly state: string;
}

/** Writers of leases change several files in a row; one reload serves them all. */
const SETTLE_MS = 200;

async function followSources(
  sources: Sources,
  changes: DirectoryWatch,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const again = await sources.update(signal);
    await changes.wait(again, signal);
  }
}

/** `watch`: the daemon beside chronyd. */
export async function watch(args: WatchArgs, context: AgentContext): Promise<void> {
  const { log, signal } = context;
  if (args.check || args.dryRun) {
    await render(args, context);
    return;
  }
  log.info({ ev: 'start', console: true });
  using held = await lock('kios.chrony-config.watch', signal);
  log.debug({ ev: 'lock', name: held.name });
  const layout = layoutOf(args);
  await prepare(layout);
  removeStaleSockets(layout.socket);
  const chronyd = chronydAt(layout.socket);
  using changes = new DirectoryWatch([args.netDir, args.platformDir], {
    missing: 'fail',
    settleMs: SETTLE_MS,
  });
  const sources = new Sources({
    args,
    layout,
    chronyd,
    log,
    resolve: async (name) => pickAddresses(await resolveOnNode(name, args.resolvConf)),
  });
  const floor = await readFloor(args.floor);
  await Promise.all([
    followSources(sources, changes, signal),
    watchClock({ chronyd, floor, file: args.state }, context),
  ]);
}

export interface WaitArgs extends CommonArgs {
  readonly mode: string;
  readonly floor: string;
  readonly timeout: number;
  readonly maxError: number;
}

const LOOK_MS = 250;
const REMIND_MS = 30_000;

/** `wait`: ends when the clock can be trusted that far. Looks at the clock itself, so it needs no other agent. */
export async function wait(args: WaitArgs, { log, signal }: AgentContext): Promise<void> {
  const floor = await readFloor(args.floor);
  const started = performance.now();
  let reminded = started;
  for (;;) {
    const clock = readClock();
    const isSynced = clock.synchronised && clock.maxErrorSeconds <= args.maxError;
    const isEnough = isSane(clock.now, floor) && (args.mode === 'sane' || isSynced);
    if (isEnough) {
      log.info({ ev: `clock.${args.mode}`, ms: Math.round(clock.steady - started) });
      return;
    }
    if (args.timeout > 0 && clock.steady - started > args.timeout * 1000) {
      throw new KiosError('KIOS_CLOCK', `wait for a ${args.mode} clock`, {
        exitCode: EXIT.unavailable,
        remedy:
          'Give the node a time server (DHCP option 42 or time.yaml) or set its hardware clock.',
      });
    }
    if (clock.steady - reminded > REMIND_MS) {
      log.warn({ ev: 'clock.wait', mode: args.mode, now: new Date(clock.now).toISOString() });
      reminded = clock.steady;
    }
    await sleep(LOOK_MS, signal);
  }
}

/** `status`: what the daemon last wrote, and what chronyd says now. */
export async function status(
  args: { readonly state: string; readonly socket: string },
  { log, signal }: AgentContext,
): Promise<void> {
  const tracking = await chronydAt(args.socket)
    .tracking(signal)
    .catch(() => undefined);
  log.info({ ev: 'status', ...(await readState(TimeState, args.state)), tracking });
}
