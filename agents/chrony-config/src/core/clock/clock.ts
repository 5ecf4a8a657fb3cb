import { isSane, type TimeState } from '@kios/node-state';

/** One reading of the clock. */
export interface Reading {
  /** The wall clock in milliseconds. */
  readonly now: number;
  /** A clock that never jumps, in milliseconds. */
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

/** The largest error bound of a synced clock, as strict as certificates and tokens need. */
const MAX_ERROR_SECONDS = 1;
/** A jump by more than this is a step. */
const STEP_MS = 500;

export interface Clock {
  readonly state: TimeState;
  readonly reading: Reading;
}

/** Returns the clock after a reading, and its changes. The first reading reports the clock as it is. */
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

/** Returns whether readers of the state file would act on the change. Offsets drift all the time and do not count. */
export function isNews(before: TimeState | undefined, after: TimeState): boolean {
  return (
    before?.sane !== after.sane ||
    before.synced !== after.synced ||
    before.source !== after.source ||
    before.stratum !== after.stratum
  );
}
