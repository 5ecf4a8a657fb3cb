import { type AgentContext, sleep, writeAtomic } from '@kios/agent';
import { formatState, TimeState } from '@kios/node-state';

import {
  type Clock,
  type ClockEvent,
  isNews,
  nextClock,
  type Source,
} from '../../core/clock/clock.ts';
import type { Chronyd } from '../chronyd/chronyd.ts';
import { readClock } from './read-clock.ts';
import type { SavedTime } from './saved-time.ts';
import type { Steer } from './steer.ts';

/** Polling intervals. A node that has no time source after two minutes probably gets none. */
const EAGER_MS = 500;
const EAGER_FOR_MS = 120_000;
const PATIENT_MS = 10_000;
const SYNCED_MS = 60_000;

function report(events: readonly ClockEvent[], log: AgentContext['log']): void {
  for (const event of events) {
    const isBad = event.ev === 'clock.lost' || event.ev === 'clock.insane';
    log[isBad ? 'warn' : 'info']({ ...event, console: true });
  }
}

const pause = (clock: Clock, started: number): number => {
  if (clock.state.synced) return SYNCED_MS;
  return clock.reading.steady - started < EAGER_FOR_MS ? EAGER_MS : PATIENT_MS;
};

export interface WatchParts {
  readonly chronyd: Chronyd;
  readonly saved: SavedTime;
  readonly steer: Steer;
  /** The state file. */
  readonly file: string;
}

/**
 * Has the clock set, and publishes its state whenever that changes. The kernel sends no notice of a change, so the
 * clock is polled.
 */
export async function watchClock(parts: WatchParts, { log, signal }: AgentContext): Promise<void> {
  const started = performance.now();
  let clock: Clock | undefined;
  let written: TimeState | undefined;
  try {
    for (;;) {
      const reading = readClock();
      const source = reading.synchronised ? await trackedSource(parts.chronyd, signal) : undefined;
      const next = nextClock(clock, reading, parts.saved.floor, source);
      clock = next.clock;
      report(next.events, log);
      if (isNews(written, clock.state)) {
        await writeAtomic(parts.file, formatState(TimeState, clock.state));
        written = clock.state;
      }
      await parts.steer.look(reading, clock.state.synced, signal);
      if (clock.state.synced && clock.state.sane) await parts.saved.keep(reading.now);
      await sleep(pause(clock, started), signal);
    }
  } finally {
    if (clock?.state.synced === true && clock.state.sane) await parts.saved.keep(Date.now(), true);
  }
}

/**
 * Returns the source chronyd follows; undefined while chronyd is down, when the kernel alone keeps the clock steady.
 */
async function trackedSource(chronyd: Chronyd, signal: AbortSignal): Promise<Source | undefined> {
  return chronyd.tracking(signal).catch(() => undefined);
}
