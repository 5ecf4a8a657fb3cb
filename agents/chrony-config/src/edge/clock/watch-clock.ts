import type { AgentContext } from '@kios/agent';
import { ClockWatch, lookPause, readClock } from '@kios/clock';

import { type Clock, type ClockEvent, nextClock, type Source } from '../../core/clock/clock.ts';
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
      const source = reading.synchronised ? await trackedSource(chronyd, signal) : undefined;
      const next = nextClock(clock, reading, { floor: saved.floor, source, epoch });
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
 * Returns the source chronyd follows; undefined while chronyd is down, when the kernel alone keeps the clock steady.
 */
async function trackedSource(chronyd: Chronyd, signal: AbortSignal): Promise<Source | undefined> {
  return chronyd.tracking(signal).catch(() => undefined);
}
