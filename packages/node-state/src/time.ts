import * as v from 'valibot';

/** `time/state.json`: how far the clock can be trusted. */
export const TimeState = v.object({
  v: v.literal(1),
  /** Not before the image was built and not absurdly later: certificates can be checked. */
  sane: v.boolean(),
  /** A time source disciplines the clock. */
  synced: v.boolean(),
  source: v.optional(v.string()),
  stratum: v.optional(v.number()),
  /** Seconds. */
  offset: v.optional(v.number()),
  /** Seconds; the kernel's bound on the error. */
  maxError: v.optional(v.number()),
  /** Wall time at which `synced` took its present value. */
  since: v.string(),
});
export type TimeState = v.InferOutput<typeof TimeState>;

const LIFETIME_MS = 20 * 365.25 * 24 * 3600 * 1000;

/** Whether a wall clock (milliseconds) can be right for an image built at `floor`. */
export function isSane(now: number, floor: number): boolean {
  return now >= floor && now < floor + LIFETIME_MS;
}
