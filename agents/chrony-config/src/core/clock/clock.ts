import { isSynced, type Reading } from '@kios/clock';
import { isSane, type TimeState } from '@kios/node-state';

/** What chronyd says: the source that it follows while the clock is synced, and what its servers do while it is not. */
export type SourceState = Pick<TimeState, 'source' | 'stratum' | 'offset' | 'servers'>;

export type ClockEvent =
  | { readonly ev: 'clock.sane' }
  | { readonly ev: 'clock.insane' }
  | { readonly ev: 'clock.synced'; readonly maxError: number }
  | { readonly ev: 'clock.lost' }
  | { readonly ev: 'clock.step'; readonly by: number; readonly epoch: number };

/** A jump by more than this is a step. */
const STEP_MS = 500;
/** Times from before a step by more than this mean little: certificates and wall times have to be read again. */
const EPOCH_MS = 15 * 60_000;

export interface Clock {
  readonly state: TimeState;
  readonly reading: Reading;
}

/** What a reading is judged by. */
export interface Circumstances {
  /** The time, in milliseconds, before which the clock is certainly wrong. */
  readonly floor: number;
  readonly sources: SourceState;
  /** The epoch that an earlier run published in this boot. */
  readonly epoch: number;
}

/** Returns the clock after a reading, and its changes. The first reading reports the clock as it is. */
export function nextClock(
  before: Clock | undefined,
  reading: Reading,
  { floor, sources, epoch }: Circumstances,
): { readonly clock: Clock; readonly events: readonly ClockEvent[] } {
  const synced = isSynced(reading);
  const by = before === undefined ? 0 : stepBetween(before.reading, reading);
  const state: TimeState = {
    v: 1,
    sane: isSane(reading.now, floor),
    synced,
    ...sources,
    ...(synced ? { maxError: reading.maxErrorSeconds } : {}),
    since:
      before?.state.synced === synced ? before.state.since : new Date(reading.now).toISOString(),
    epoch: (before?.state.epoch ?? epoch) + (Math.abs(by) > EPOCH_MS ? 1 : 0),
  };
  const step: ClockEvent[] =
    Math.abs(by) > STEP_MS ? [{ ev: 'clock.step', by: by / 1000, epoch: state.epoch }] : [];
  return { clock: { state, reading }, events: [...changes(before?.state, state), ...step] };
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
    before.stratum !== after.stratum ||
    before.servers !== after.servers ||
    before.epoch !== after.epoch
  );
}
