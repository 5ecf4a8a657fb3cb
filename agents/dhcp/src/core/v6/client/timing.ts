import type { Millis } from '../../client/timing.ts';

const SECOND = 1000;

/** The retransmission of one kind of message; an absent limit is none. RFC 8415 §15. */
export interface Retransmission {
  readonly initial: Millis;
  readonly longest?: Millis;
  readonly mostSent?: number;
  readonly mostTime?: Millis;
}

/** RFC 8415 §7.6. The longest gap of Solicit and Information-request may be changed by servers. */
export const RETRANSMISSION = {
  soliciting: { initial: 1 * SECOND, longest: 3600 * SECOND },
  requesting: { initial: 1 * SECOND, longest: 30 * SECOND, mostSent: 10 },
  confirming: { initial: 1 * SECOND, longest: 4 * SECOND, mostTime: 10 * SECOND },
  renewing: { initial: 10 * SECOND, longest: 600 * SECOND },
  rebinding: { initial: 10 * SECOND, longest: 600 * SECOND },
  releasing: { initial: 1 * SECOND, mostSent: 4 },
  declining: { initial: 1 * SECOND, mostSent: 4 },
  informing: { initial: 1 * SECOND, longest: 3600 * SECOND },
} as const satisfies Record<string, Retransmission>;

/** Longest random wait before the first Solicit, Confirm or Information-request. RFC 8415 §7.6. */
export const MAX_DELAY: Millis = 1 * SECOND;

/** Values that a server may set SOL_MAX_RT and INF_MAX_RT to; others are ignored. RFC 8415 §21.24, §21.25. */
export const isMaxRt = (seconds: number): boolean => seconds >= 60 && seconds <= 86_400;

/** Turns `random` in [0, 1) into RAND, in [-0.1, 0.1). RFC 8415 §15. */
const spread = (random: number): number => (random - 0.5) / 5;

/**
 * Returns the wait after the first message. That after a Solicit is strictly longer than the initial one, so that
 * clients wait for the advertisements of all servers. RFC 8415 §15, §18.2.1.
 */
export function firstGap({ initial }: Retransmission, random: number, longer: boolean): Millis {
  return longer ? initial * (1 + (1 - random) / 10) : initial * (1 + spread(random));
}

/** Returns the wait that follows one of `previous`. RFC 8415 §15. */
export function nextGap({ longest }: Retransmission, previous: Millis, random: number): Millis {
  const doubled = previous * (2 + spread(random));
  return longest !== undefined && doubled > longest ? longest * (1 + spread(random)) : doubled;
}

/** Seconds to keep configuration without addresses. RFC 8415 §7.6, §21.23. */
export const REFRESH = { usual: 86_400, least: 600 } as const;

const LONGEST_PAUSE = 30 * 60 * SECOND;

/** Returns the pause after the `count`-th failure in a row, counted from 1, so that no refusing server is flooded. */
export const failurePause = (count: number): Millis =>
  Math.min(SECOND * 2 ** Math.min(count - 1, 20), LONGEST_PAUSE);
