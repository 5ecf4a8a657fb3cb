import * as v from 'valibot';

const texts = v.optional(v.array(v.string()), []);
/** Seconds of CLOCK_BOOTTIME; null for a time that never comes. */
const time = v.nullable(v.number());

/** `net/v6/<if>.json`: what a DHCPv6 server gave one link. */
export const Lease6 = v.object({
  v: v.literal(1),
  if: v.string(),
  mac: v.string(),
  /** `informed`: configuration alone, because routers say that addresses come from elsewhere. */
  state: v.picklist(['bound', 'informed']),
  bootId: v.string(),
  written: v.object({ boot: v.number(), wall: v.string() }),
  /** The server's DUID in hex. */
  server: v.optional(v.string()),
  addresses: v.optional(
    v.array(v.object({ address: v.string(), preferredUntil: time, validUntil: time })),
    [],
  ),
  t1: v.optional(time, null),
  t2: v.optional(time, null),
  dns: texts,
  search: texts,
  ntp: texts,
});
export type Lease6 = v.InferOutput<typeof Lease6>;
