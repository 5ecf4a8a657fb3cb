import type { AgentContext } from '@kios/agent';
import { ClockWatch, isSynced, lookPause, readClock } from '@kios/clock';

import type { Tracking } from '../../core/chronyd/candm.ts';
import {
  type SourceState,
  type Clock,
  type ClockEvent,
  nextClock,
} from '../../core/clock/clock.ts';
import type { Chronyd } from '../chronyd/chronyd.ts';
import { type PublishArgs, PublishClock, readEpoch } from './publish-clock.ts';
import type { SavedTime } from './saved-time.ts';
import type { Steer } from './steer.ts';

const SYNCED_MS = 60_000;

function report(events: readonly ClockEvent[], log: AgentContext['log']): void {
  for (const event of events) {
    const isBad = event.ev === 'clock.lost' || event.ev === 'clock.insane';
    log[isBad ? 'warn' : 'info']({ ...event, console: true });
  }
}

const pause = ({ state, reading }: Clock, started: number): number =>
  state.synced ? SYNCED_MS : lookPause(reading.steady - started);

export interface WatchParts {
  readonly chronyd: Chronyd;
  readonly saved: SavedTime;
  readonly steer: Steer;
  readonly files: PublishArgs;
}

/**
 * Has the clock set, and publishes its state whenever that changes. The kernel tells when the clock is set. It sends no
 * notice when it counts as synchronised, or no longer, so the clock is polled too.
 */
export async function watchClock(parts: WatchParts, { log, signal }: AgentContext): Promise<void> {
  const { chronyd, saved, steer, files } = parts;
  using changes = new ClockWatch();
  const started = readClock().steady;
  const epoch = await readEpoch(files);
  const publisher = new PublishClock(files);
  let clock: Clock | undefined;
  try {
    for (;;) {
      const reading = readClock();
      const sources = await lookAtSources(chronyd, isSynced(reading), signal);
      const next = nextClock(clock, reading, { floor: saved.floor, sources, epoch });
      clock = next.clock;
      report(next.events, log);
      await publisher.publish(clock.state);
      await steer.look(reading, clock.state.synced, signal);
      if (clock.state.synced && clock.state.sane) await saved.keep(reading.now);
      await changes.wait(pause(clock, started), signal);
    }
  } finally {
    if (clock?.state.synced === true && clock.state.sane) await saved.keep(Date.now(), true);
  }
}

/**
 * Asks chronyd for the source that a synced clock follows, or for what the servers do. While chronyd is down the kernel
 * alone keeps a clock steady.
 */
export async function lookAtSources(
  chronyd: Chronyd,
  synced: boolean,
  signal: AbortSignal,
): Promise<SourceState> {
  if (synced) return trackedSource(await chronyd.tracking(signal).catch(() => undefined));
  const measured = await chronyd.measurements(signal).catch(() => undefined);
  if (measured === undefined) return { servers: 'unasked' };
  return { servers: measured.some(({ isReachable }) => isReachable) ? 'replying' : 'silent' };
}

const trackedSource = (tracking: Tracking | undefined): SourceState => {
  if (tracking?.source === undefined) return {};
  const { source, stratum, offset } = tracking;
  return { source, stratum, offset };
};
