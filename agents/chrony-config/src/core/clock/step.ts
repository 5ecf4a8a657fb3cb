import { isSane } from '@kios/node-state';

import type { Measurement, Tracking } from '../chronyd/candm.ts';

/** The largest step, in seconds, that one source may cause alone, and chronyd's bound on all later corrections. */
export const LARGE_STEP_SECONDS = 1000;
/** A source that is at most this many seconds away from the time after a large step agrees with it. */
const AGREE_SECONDS = 10;
/** Time for a second source to be measured, in milliseconds: four requests two seconds apart, and a retry. */
const PATIENCE_MS = 15_000;

export interface StepRules {
  /** Smaller offsets, in seconds, are slewed. */
  readonly threshold: number;
  /** The time, in milliseconds, before which the clock is certainly wrong. */
  readonly floor: number;
  /** Returns whether a DHCP lease named this source: whoever answers first on a network gives leases. */
  readonly isLeased: (source: string) => boolean;
}

/** An offset that chronyd is correcting. */
export interface Pending {
  readonly tracking: Tracking;
  /** Those of all sources; undefined until a decision has asked for them. */
  readonly measurements: readonly Measurement[] | undefined;
  /** The wall clock in milliseconds. */
  readonly now: number;
  /** Milliseconds since this offset was first seen. */
  readonly waited: number;
}

/** `measure`: the decision needs the measurements of all sources. */
export type Decision =
  | { readonly do: 'nothing' | 'measure' | 'wait' | 'step' }
  | { readonly do: 'refuse'; readonly sources: readonly string[]; readonly why: string };

const isClose = ({ offset }: Measurement): boolean => Math.abs(offset) <= AGREE_SECONDS;

/** Decides whether chronyd may set the clock at once to the time of the source that it follows. */
export function decideStep(pending: Pending, rules: StepRules): Decision {
  const { source, offset } = pending.tracking;
  if (source === undefined || Math.abs(offset) <= rules.threshold) return { do: 'nothing' };
  const target = pending.now + offset * 1000;
  if (!isSane(target, rules.floor)) {
    const why = `its time is ${formatTime(target)}`;
    return refuse(
      source,
      pending,
      why,
      (each) => !isSane(target + each.offset * 1000, rules.floor),
    );
  }
  if (Math.abs(offset) <= LARGE_STEP_SECONDS || !rules.isLeased(source)) return { do: 'step' };
  return weigh(source, pending, rules);
}

/** Refuses the followed source with all others that lie as it does: chronyd would only follow them next. */
function refuse(
  source: string,
  { measurements }: Pending,
  why: string,
  liesToo: (other: Measurement) => boolean,
): Decision {
  if (measurements === undefined) return { do: 'measure' };
  const others = measurements.filter((each) => each.isReachable && liesToo(each));
  const all = [source, ...others.flatMap((each) => each.source ?? [])];
  return { do: 'refuse', sources: [...new Set(all)], why };
}

/** Weighs the time of a leased source, to which chronyd is correcting the clock, against that of others. */
function weigh(source: string, pending: Pending, rules: StepRules): Decision {
  const { measurements, waited } = pending;
  if (measurements === undefined) return { do: 'measure' };
  const others = measurements.filter(
    (each) => each.source !== undefined && !rules.isLeased(each.source),
  );
  const measured = others.filter(({ isReachable }) => isReachable);
  if (measured.some(isClose)) return { do: 'step' };
  if (measured.length > 0) {
    const liesToo = (each: Measurement): boolean =>
      each.source !== undefined && rules.isLeased(each.source) && isClose(each);
    return refuse(source, pending, 'other time servers have another time', liesToo);
  }
  return { do: others.length > 0 && waited < PATIENCE_MS ? 'wait' : 'step' };
}

const formatTime = (ms: number): string =>
  Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : `${ms} ms`;
