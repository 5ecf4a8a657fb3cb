import * as v from 'valibot';

/** `boot.json`: this boot as init saw it. `up` is in seconds of CLOCK_BOOTTIME. */
export const BootState = v.object({
  v: v.literal(1),
  bootId: v.string(),
  version: v.string(),
  buildTime: v.string(),
  kernel: v.string(),
  /** The clock was before the image's build time or the saved time, and init set it to the later of them. */
  clockFloored: v.boolean(),
  data: v.picklist(['partition', 'ram']),
  /** As in `HostState`. */
  dataReason: v.optional(v.picklist(['none', 'failed'])),
  phases: v.array(v.object({ name: v.string(), up: v.number() })),
});
export type BootState = v.InferOutput<typeof BootState>;

/** `kubelet.json`: the running kubelet. */
export const KubeletState = v.object({
  v: v.literal(1),
  pid: v.number(),
  mode: v.picklist(['standalone', 'cluster']),
  hostname: v.string(),
  /** Seconds of CLOCK_BOOTTIME. */
  startedBoot: v.number(),
  starts: v.number(),
  /** How often in a row kubelet ended by itself before this start. */
  earlyEnds: v.optional(v.number()),
  /** Kubelet kept ending and now runs without the drop-ins that others wrote. */
  dropInsIgnored: v.optional(v.boolean()),
});
export type KubeletState = v.InferOutput<typeof KubeletState>;

/** `/etc/kios/release.json`: the image that the machine runs. */
export const Release = v.object({
  version: v.string(),
  buildTime: v.string(),
  kernel: v.string(),
  arch: v.string(),
});
export type Release = v.InferOutput<typeof Release>;
