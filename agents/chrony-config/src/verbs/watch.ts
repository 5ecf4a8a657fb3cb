import { existsSync } from 'node:fs';
import path from 'node:path';

import {
  type AgentContext,
  type Argv,
  command,
  DirectoryWatch,
  logWait,
  resolveOnNode,
} from '@kios/agent';
import { networkEvents } from '@kios/netlink';
import { STATE } from '@kios/node-state';
import { lock } from '@kios/syscall';

import { pickAddresses } from '../core/sources/pick-addresses.ts';
import { chronydAt, removeStaleSockets } from '../edge/chronyd/chronyd.ts';
import { prepare } from '../edge/chronyd/config-files.ts';
import { floorOf } from '../edge/clock/floor-flags.ts';
import { SavedTime } from '../edge/clock/saved-time.ts';
import { Steer } from '../edge/clock/steer.ts';
import { watchClock } from '../edge/clock/watch-clock.ts';
import { askAgain } from '../edge/network/ask-again.ts';
import { Sources } from '../edge/sources/sources.ts';
import { FLOOR_FLAGS, RENDER_FLAGS, STATE_FLAG } from './flags.ts';
import { confOf, type RenderArgs, renderFiles } from './render.ts';

interface WatchArgs extends RenderArgs {
  readonly floor: string;
  readonly resolvConf: string;
  readonly state: string;
  readonly metricsDir: string;
  readonly saved: string;
}

/** Quiet time after a change: a lease arrives as several files, and one reload serves them all. */
const SETTLE_MS = 200;
/** What may open a way to time servers. */
const NETWORK = ['link', 'address', 'address6', 'route', 'route6'] as const;

async function followSources(
  sources: Sources,
  changes: DirectoryWatch,
  netDir: string,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    // The first DHCPv6 lease makes this folder.
    changes.include(path.join(netDir, 'v6'));
    const retryMs = await sources.update(signal);
    await changes.wait(retryMs, signal);
  }
}

async function watchAll(args: WatchArgs, context: AgentContext): Promise<void> {
  const { log, signal } = context;
  if (args.check || args.dryRun) {
    await renderFiles(args, context);
    return;
  }
  log.info({ ev: 'start', console: true });
  const file = path.join(path.dirname(args.state), 'lock');
  using held = await lock(file, { signal, waiting: logWait(log) });
  log.debug({ ev: 'lock', file: held.file });
  const layout = { dir: args.out, socket: args.socket };
  await prepare(layout);
  removeStaleSockets(layout.socket);
  const chronyd = chronydAt(layout.socket);
  // Nothing but these events brings a new lease or setting to chronyd, so a missing folder is an error.
  const folders = [args.netDir, args.platformDir];
  // A manifest of one's own may do without the operator's folder.
  const own = path.dirname(args.config);
  using changes = new DirectoryWatch(existsSync(own) ? [...folders, own] : folders, {
    missing: 'fail',
    settleMs: SETTLE_MS,
  });
  const sources = new Sources({
    args,
    layout,
    chronyd,
    log,
    conf: confOf(args),
    resolve: async (name) => pickAddresses(await resolveOnNode(name, args.resolvConf)),
  });
  // A new way may be one of a family that the node did not have.
  const onWay = (): void => changes.ring();
  const saved = new SavedTime(args.saved, await floorOf(args), log);
  const steer = new Steer({ chronyd, saved, sources, log });
  await Promise.all([
    followSources(sources, changes, args.netDir, signal),
    watchClock({ chronyd, saved, steer, files: args }, context),
    askAgain({ chronyd, events: networkEvents(signal, NETWORK), onWay, log }, signal),
  ]);
}

/** Runs beside chronyd for as long as the pod does. */
export const watch = command({
  command: 'watch',
  describe: "Keep chronyd's sources current and publish the state of the clock",
  builder: (args: Argv) =>
    args.options({
      ...RENDER_FLAGS,
      ...FLOOR_FLAGS,
      'resolv-conf': {
        type: 'string',
        default: STATE.resolvConf,
        describe: "The node's resolv.conf, which names the servers that resolve host names",
      },
      state: STATE_FLAG,
      'metrics-dir': {
        type: 'string',
        default: '/run/kios/metrics',
        describe: "Folder for the state of the clock in Prometheus' text format; it may be missing",
      },
    }),
  run: watchAll,
});
