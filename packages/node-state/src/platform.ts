import * as v from 'valibot';

/** `platform/platform.json`: the machine's metadata, without secrets. */
export const PlatformState = v.object({
  v: v.literal(1),
  platform: v.string(),
  instanceId: v.optional(v.string()),
  instanceType: v.optional(v.string()),
  region: v.optional(v.string()),
  zone: v.optional(v.string()),
  providerID: v.optional(v.string()),
  hostname: v.optional(v.string()),
  externalIPs: v.optional(v.array(v.string()), []),
  spot: v.optional(v.boolean(), false),
  tags: v.optional(v.record(v.string(), v.string()), {}),
});
export type PlatformState = v.InferOutput<typeof PlatformState>;
