import * as v from 'valibot';

/** A number of a system on the medium, 1 to 9999; the highest good one is started. */
const Generation = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(9999));

/** `slots.json`: which of the systems on the medium runs, and how init judges it. */
export const SlotsState = v.object({
  v: v.literal(1),
  /** The machine was started from a medium on which systems can be replaced. */
  managed: v.boolean(),
  running: v.optional(Generation),
  version: v.optional(v.string()),
  /** `trial`: init has not yet confirmed the system, and the next start may be of an older one. */
  state: v.optional(v.picklist(['trial', 'good'])),
  triesLeft: v.optional(v.number()),
  /** The other systems that were confirmed. */
  good: v.optional(v.array(Generation), []),
  /** The system that the machine came back from. */
  failed: v.nullish(v.object({ generation: Generation, why: v.string() })),
  /** Why systems cannot be replaced. */
  reason: v.optional(v.string(), ''),
});
export type SlotsState = v.InferOutput<typeof SlotsState>;
