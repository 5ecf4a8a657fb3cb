import * as v from 'valibot';

import { canonicalIp, isHostname } from './address.ts';

const host = v.pipe(
  v.string(),
  v.check(
    (text) => canonicalIp(text) !== undefined || isHostname(text),
    'is no address or host name',
  ),
);
// chronyd's own limits: outside of them it drops the line without a word.
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
  v.check(({ minpoll = -6, maxpoll = 24 }) => minpoll <= maxpoll, 'minpoll is above maxpoll'),
);
export type Source = v.InferOutput<typeof Source>;

/** `/etc/kios/time.yaml`. */
export const TimeConfig = v.strictObject({
  servers: v.optional(v.array(Source), []),
  pools: v.optional(v.array(host), []),
  /** What servers from a DHCP lease do: drop the platform's and the fallback, join the others, nothing. */
  useDhcp: v.optional(v.picklist(['replace', 'add', 'ignore']), 'add'),
  usePlatform: v.optional(v.boolean(), true),
  fallbackPools: v.optional(v.array(host), ['pool.ntp.org']),
  /** Jump instead of slewing: from how many seconds on, in the first how many updates. */
  makestep: v.optional(
    v.strictObject({
      threshold: v.optional(v.pipe(v.number(), v.finite(), v.minValue(0)), 0.1),
      limit: v.optional(v.pipe(v.number(), v.integer(), v.minValue(-1)), 3),
    }),
    {},
  ),
});
export type TimeConfig = v.InferOutput<typeof TimeConfig>;
