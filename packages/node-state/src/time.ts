import * as v from 'valibot';

/** `time/state.json`: the trust that the clock deserves. */
export const TimeState = v.object({
  v: v.literal(1),
  /** Not before the image's build time and not twenty years after it, so that certificates can be checked. */
  sane: v.boolean(),
  /** A time source disciplines the clock. */
  synced: v.boolean(),
  source: v.optional(v.string()),
  stratum: v.optional(v.number()),
  /** Seconds that the clock is off. */
  offset: v.optional(v.number()),
  /** The kernel's bound on the error, in seconds. */
  maxError: v.optional(v.number()),
  /**
   * What the time servers do while the clock is not synced: nobody asks them yet, none replies, or some reply and none
   * is followed.
   */
  servers: v.optional(v.picklist(['unasked', 'silent', 'replying'])),
  /** The wall time at which `synced` took its present value. */
  since: v.string(),
  /** Counts the steps of more than 15 minutes in this boot. Who keeps wall times reads them again when it changes. */
  epoch: v.optional(v.number(), 0),
});
export type TimeState = v.InferOutput<typeof TimeState>;

const LIFETIME_MS = 20 * 365.25 * 24 * 3600 * 1000;

/** Returns whether the wall clock `now` can be right for an image built at `floor`, both in milliseconds. */
export function isSane(now: number, floor: number): boolean {
  return now >= floor && now < floor + LIFETIME_MS;
}
