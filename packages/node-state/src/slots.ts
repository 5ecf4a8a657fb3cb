import * as v from 'valibot';

const generation = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(9999));

/** `slots.json`: the versions of the system that lie side by side on the medium, as init saw them at this start. */
export const SlotsState = v.object({
  v: v.literal(1),
  /** The machine was started by a boot loader from such a medium. Otherwise only `version` and `reason` count. */
  managed: v.boolean(),
  /** The generation that runs; 0 where they are not managed. */
  running: generation,
  version: v.string(),
  /** `trial`: init has not blessed it yet, and goes back to an older one unless it becomes healthy. */
  state: v.picklist(['trial', 'good']),
  /** Starts that the running generation has after this one; 0 when it is good. */
  triesLeft: v.number(),
  /** The generations that have proved good and can be started, in order. */
  good: v.array(generation),
  /** A newer generation than the running one that did not start, or did not become healthy. */
  failed: v.nullable(v.object({ generation, why: v.string() })),
  /** The power went while the partition was written: what lies on it is to be checked. */
  dirty: v.optional(v.boolean(), false),
  /** Modules come from a modules.erofs in place of the root's, wherever that lies. */
  modules: v.optional(v.boolean(), false),
  /** The data partition is encrypted: a system without a signed measurement cannot open it. */
  encrypted: v.optional(v.boolean(), false),
  /** The board whose own loader started the system; empty on a machine with UEFI. */
  board: v.optional(v.string(), ''),
  /**
   * SHA-256 of the certificates whose keys may sign what this machine starts, in hexadecimal; null while Secure Boot is
   * off, and of an init that does not tell.
   */
  signers: v.optional(v.nullable(v.array(v.string())), null),
  /** Why the versions are not managed; empty otherwise. */
  reason: v.string(),
});
export type SlotsState = v.InferOutput<typeof SlotsState>;
