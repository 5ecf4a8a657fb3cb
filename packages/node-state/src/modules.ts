import * as v from 'valibot';

/** `modules/status.json`: the module loader's work in this boot. */
export const ModulesStatus = v.object({
  v: v.literal(1),
  kernel: v.string(),
  ready: v.boolean(),
  loaded: v.array(
    v.object({
      name: v.string(),
      /** The reason: the operator or a profile names it, a device's alias, or another module needs it. */
      by: v.picklist(['config', 'profile', 'alias', 'dep', 'uevent', 'request', 'before']),
      alias: v.optional(v.string()),
      params: v.optional(v.string()),
      ms: v.optional(v.number()),
    }),
  ),
  builtin: v.array(v.string()),
  failed: v.array(v.object({ name: v.string(), errno: v.string(), why: v.string() })),
  denied: v.array(v.object({ name: v.string(), rule: v.string() })),
  /** Device aliases that no module of this image serves. */
  unresolved: v.array(v.string()),
  /** Modules whose init function has not returned for long. */
  stuck: v.optional(v.array(v.string()), []),
  /** The number of devices with an alias. */
  devices: v.number(),
});
export type ModulesStatus = v.InferOutput<typeof ModulesStatus>;
