/** Milliseconds of CLOCK_BOOTTIME. */
export type Millis = number;

const SECOND = 1000;
/** Age below which a link retransmits early: switch ports and virtual peers that just came up lose the first frames. */
const YOUNG_LINK = 60 * SECOND;
const FAST_START = [1 * SECOND, 2 * SECOND] as const;
const FIRST_GAP = 4 * SECOND;
const LONGEST_GAP = 64 * SECOND;
const MIN_RENEW_GAP = 60 * SECOND;
const LONGEST_NAK_DELAY = 30 * 60 * SECOND;
const START_DELAY = { least: SECOND, most: 10 * SECOND } as const;
const DECLINE_DELAY = 10 * SECOND;
const MAX_CONFLICTS = 10;
const RATE_LIMIT = 60 * SECOND;

/** Turns `jitter` in [0, 1) into up to one second either way. RFC 2131 §4.1. */
const spread = (jitter: number): Millis => (jitter * 2 - 1) * SECOND;

/**
 * Returns the time to wait for a reply to the `attempt`-th DISCOVER or REQUEST, counted from 0, on a link that has been
 * up for `age`. RFC 2131 §4.1.
 */
export function retransmitGap(
  attempt: number,
  age: Millis,
  jitter: number,
  strict: boolean,
): Millis {
  const fast = age < YOUNG_LINK && !strict ? FAST_START : [];
  const doublings = Math.min(attempt - fast.length, 10);
  return fast[attempt] ?? Math.min(FIRST_GAP * 2 ** doublings, LONGEST_GAP) + spread(jitter);
}

/** INIT-REBOOT asks at 0, 1 and 3 s and gives up after 5 s: boot must not hang on an address that is likely right. */
export const REBOOT_GAPS: readonly Millis[] = [1 * SECOND, 2 * SECOND, 2 * SECOND];

/** Returns the time of the next RENEW or REBIND: after half of the time left, at least a minute. RFC 2131 §4.4.5. */
export function renewRetryAt(now: Millis, limit: Millis): Millis {
  return Math.min(limit, now + Math.max(MIN_RENEW_GAP, (limit - now) / 2));
}

/** Returns the wait before DISCOVER after the `count`-th refusal in a row, counted from 1. */
export function nakDelay(count: number): Millis {
  return Math.min(SECOND * 2 ** (count - 1), LONGEST_NAK_DELAY);
}

/** The wait of 1 to 10 s before a strict client's first DISCOVER. RFC 2131 §4.4.1. */
export const strictStartDelay = (jitter: number): Millis =>
  START_DELAY.least + jitter * (START_DELAY.most - START_DELAY.least);

/** The wait after the `count`-th conflict in a row. RFC 2131 §3.1, RFC 5227 §2.1.1. */
export const conflictDelay = (count: number): Millis =>
  count >= MAX_CONFLICTS ? RATE_LIMIT : DECLINE_DELAY;
