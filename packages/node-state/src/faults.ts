import * as v from 'valibot';

/** `platform/faults.json`: what is wrong with the node now, the oldest fault first. */
export const FaultsState = v.object({
  v: v.literal(1),
  faults: v.array(
    v.object({
      /** A code of docs/errors.md. */
      code: v.string(),
      /** Reads well after "cannot". */
      cause: v.string(),
      remedy: v.string(),
      /** The condition of the Node that has it. */
      condition: v.string(),
      /** Seconds of CLOCK_BOOTTIME of its first sign. */
      since: v.number(),
    }),
  ),
});
export type FaultsState = v.InferOutput<typeof FaultsState>;
