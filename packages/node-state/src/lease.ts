import * as v from 'valibot';

const texts = v.optional(v.array(v.string()), []);
const natural = v.pipe(v.number(), v.integer(), v.minValue(0));

export const Route = v.object({
  /** Destination prefix. */
  dst: v.string(),
  /** Gateway; null for an on-link route. */
  via: v.nullable(v.string()),
});
export type Route = v.InferOutput<typeof Route>;

/** `net/<if>.json`: the lease of one link. Times are in seconds; an infinite lease has 4294967295. */
export const Lease = v.object({
  v: v.literal(1),
  if: v.string(),
  mac: v.string(),
  state: v.string(),
  bootId: v.string(),
  acquired: v.object({ boot: v.number(), wall: v.string() }),
  /** Address and prefix length. */
  address: v.string(),
  server: v.optional(v.string()),
  lease: natural,
  t1: natural,
  t2: natural,
  gateways: texts,
  routes: v.optional(v.array(Route), []),
  mtu: v.optional(natural),
  dns: texts,
  search: texts,
  ntp: texts,
  hostname: v.optional(v.string()),
  domain: v.optional(v.string()),
  /** Every option of the ACK, code to hex. */
  raw: v.optional(v.record(v.string(), v.string()), {}),
});
export type Lease = v.InferOutput<typeof Lease>;
