import * as v from 'valibot';

import { canonicalIp, isHostname } from './address.ts';

const host = v.pipe(
  v.string(),
  v.check(
    (text) => canonicalIp(text) !== undefined || isHostname(text),
    'must be an IP address or a host name',
  ),
);
// These are chronyd's limits; it silently drops a line with a value outside them.
const poll = v.pipe(v.number(), v.integer(), v.minValue(-6), v.maxValue(24));
const flag = v.optional(v.boolean(), false);

const Source = v.pipe(
  v.strictObject({
    address: host,
    nts: flag,
    prefer: flag,
    trust: flag,
    minpoll: v.optional(poll),
    maxpoll: v.optional(poll),
  }),
  v.check(
    ({ minpoll = -6, maxpoll = 24 }) => minpoll <= maxpoll,
    'minpoll must not be above maxpoll',
  ),
);
export type Source = v.InferOutput<typeof Source>;

/** `/etc/kios/time/time.yaml`. */
export const TimeConfig = v.strictObject({
  servers: v.optional(v.array(Source), []),
  pools: v.optional(v.array(host), []),
  /**
   * The effect of servers from a DHCP lease: they replace the platform's and the fallback, join them, or are ignored.
   */
  useDhcp: v.optional(v.picklist(['replace', 'add', 'ignore']), 'add'),
  usePlatform: v.optional(v.boolean(), true),
  fallbackPools: v.optional(v.array(host), ['pool.ntp.org']),
  /**
   * Step the clock instead of slewing it, from `threshold` seconds on, at most `limit` times and only until it is
   * synced. A limit of -1 allows steps at any time.
   */
  makestep: v.optional(
    v.strictObject({
      threshold: v.optional(v.pipe(v.number(), v.finite(), v.minValue(0)), 0.1),
      limit: v.optional(v.pipe(v.number(), v.integer(), v.minValue(-1)), 3),
    }),
    {},
  ),
});
export type TimeConfig = v.InferOutput<typeof TimeConfig>;
