import { isSane, type TimeState } from '@kios/node-state';

/** One look at the clock. */
export interface Reading {
  /** Wall clock, milliseconds. */
  readonly now: number;
  /** A clock that never jumps, milliseconds. */
  readonly steady: number;
  readonly synchronised: boolean;
  readonly maxErrorSeconds: number;
}

export interface Source {
  readonly source: string | undefined;
  readonly stratum: number;
  readonly offset: number;
}

export type ClockEvent =
  | { readonly ev: 'clock.sane' }
  | { readonly ev: 'clock.insane' }
  | { readonly ev: 'clock.synced'; readonly maxError: number }
  | { readonly ev: 'clock.lost' }
  | { readonly ev: 'clock.step'; readonly by: number };

/** The kernel's bound on the error must be below this: as strict as checking certificates and tokens needs. */
const MAX_ERROR_SECONDS = 1;
const STEP_MS = 500;

export interface Clock {
  readonly state: TimeState;
  readonly reading: Reading;
}

/** The next state of the clock and what changed. A first look reports what is so, not what became so. */
export function nextClock(
  before: Clock | undefined,
  reading: Reading,
  floor: number,
  source: Source | undefined,
): { readonly clock: Clock; readonly events: readonly ClockEvent[] } {
  const sane = isSane(reading.now, floor);
  const synced = reading.synchronised && reading.maxErrorSeconds <= MAX_ERROR_SECONDS;
  const since =
    before?.state.synced === synced ? before.state.since : new Date(reading.now).toISOString();
  const details = synced ? { ...source, maxError: reading.maxErrorSeconds } : {};
  const state: TimeState = { v: 1, sane, synced, since, ...details };
  return { clock: { state, reading }, events: eventsOf(before, { state, reading }) };
}

function eventsOf(before: Clock | undefined, after: Clock): ClockEvent[] {
  const by = before === undefined ? 0 : stepBetween(before.reading, after.reading);
  const step: ClockEvent[] = Math.abs(by) > STEP_MS ? [{ ev: 'clock.step', by: by / 1000 }] : [];
  return [...changes(before?.state, after.state), ...step];
}

function changes(before: TimeState | undefined, after: TimeState): ClockEvent[] {
  const events: ClockEvent[] = [];
  if (before?.sane !== after.sane) events.push({ ev: after.sane ? 'clock.sane' : 'clock.insane' });
  const wasSynced = before?.synced === true;
  if (after.synced && !wasSynced)
    events.push({ ev: 'clock.synced', maxError: after.maxError ?? 0 });
  if (!after.synced && wasSynced) events.push({ ev: 'clock.lost' });
  return events;
}

const stepBetween = (before: Reading, after: Reading): number =>
  after.now - before.now - (after.steady - before.steady);

/** Whether readers of the state file would do anything else: offsets drift all the time and are no news. */
export function isNews(before: TimeState | undefined, after: TimeState): boolean {
  return (
    before?.sane !== after.sane ||
    before.synced !== after.synced ||
    before.source !== after.source ||
    before.stratum !== after.stratum
  );
}
