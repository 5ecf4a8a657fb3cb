import { type AgentContext, sleep, writeAtomic } from '@kios/agent';
import {
  BootState,
  formatState,
  readStateIfThere,
  Release,
  STATE,
  TimeState,
} from '@kios/node-state';
import { adjtimex } from '@kios/syscall';

import {
  type Clock,
  type ClockEvent,
  isNews,
  nextClock,
  type Reading,
  type Source,
} from '../../core/clock/clock.ts';
import type { Chronyd } from '../chronyd/chronyd.ts';

const EAGER_MS = 1000;
/** After so long without a time source there probably is none. */
const EAGER_FOR_MS = 120_000;
const PATIENT_MS = 10_000;
const SYNCED_MS = 60_000;

/** Where nothing tells the image's age: no image is older than this source. */
const OLDEST_IMAGE = Date.parse('2026-01-01T00:00:00Z');

export function readClock(): Reading {
  const kernel = adjtimex();
  return {
    now: Date.now(),
    steady: performance.now(),
    synchronised: kernel.synchronised,
    maxErrorSeconds: kernel.maxErrorMicroseconds / 1e6,
  };
}

/** The time before which the clock cannot be right: when the image was built. */
export async function readFloor(floor: string): Promise<number> {
  if (floor !== 'auto') return Date.parse(floor);
  const boot = await readStateIfThere(BootState, STATE.boot).catch(() => undefined);
  const release = await readStateIfThere(Release, STATE.release).catch(() => undefined);
  const built = Date.parse(boot?.buildTime ?? release?.buildTime ?? '');
  return Number.isNaN(built) ? OLDEST_IMAGE : built;
}

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

/** Writes the state of the clock for all who wait for it, as it changes. Nothing tells of such a change, so it is looked at. */
export async function watchClock(
  parts: { readonly chronyd: Chronyd; readonly floor: number; readonly file: string },
  { log, signal }: AgentContext,
): Promise<void> {
  const started = performance.now();
  let clock: Clock | undefined;
  let written: TimeState | undefined;
  for (;;) {
    const reading = readClock();
    const source = reading.synchronised ? await trackedSource(parts.chronyd, signal) : undefined;
    const next = nextClock(clock, reading, parts.floor, source);
    clock = next.clock;
    report(next.events, log);
    if (isNews(written, clock.state)) {
      await writeAtomic(parts.file, formatState(TimeState, clock.state));
      written = clock.state;
    }
    await sleep(pause(clock, started), signal);
  }
}

/** What chronyd follows; nothing when it is just not there, the kernel keeps the clock steady meanwhile. */
async function trackedSource(chronyd: Chronyd, signal: AbortSignal): Promise<Source | undefined> {
  return chronyd.tracking(signal).catch(() => undefined);
}
