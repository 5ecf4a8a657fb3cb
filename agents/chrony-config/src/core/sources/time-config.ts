import * as v from 'valibot';

import { canonicalIp, isHostname } from './address.ts';

const host = v.pipe(
  v.string(),
  v.check(
    (text) => canonicalIp(text) !== undefined || isHostname(text),
    'must be an IP address or a host name',
  ),
  // One name has one form: a certificate has it without the last dot.
  v.transform((text) => text.toLowerCase().replace(/\.$/, '')),
);
// These are chronyd's limits; it silently drops a line with a value outside them.
const poll = v.pipe(v.number(), v.integer(), v.minValue(-6), v.maxValue(24));
const flag = v.optional(v.boolean(), false);

const Source = v.pipe(
  v.strictObject({
    address: host,
    nts: flag,
    /** Four requests at once when the server is first asked. */
    iburst: v.optional(v.boolean(), true),
    prefer: flag,
    trust: flag,
    minpoll: v.optional(poll),
    maxpoll: v.optional(poll),
    /** The number of a key in the file of `keys`. */
    key: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(4_294_967_295))),
  }),
  v.check(
    ({ minpoll = -6, maxpoll = 24 }) => minpoll <= maxpoll,
    'minpoll must not be above maxpoll',
  ),
  v.check(
    ({ nts, key }) => !nts || key === undefined,
    'nts and key are two ways of one proof: only one can be given',
  ),
);
export type Source = v.InferOutput<typeof Source>;

/** The longest path: chronyd does not start with a line of 2048 characters. */
const MAX_PATH = 1024;

/**
 * Returns whether a text is the path of a file in the operator's folder, without a step out of it. chronyd's container
 * can read no other.
 */
export const isOperatorFile = (text: string, folder: string): boolean =>
  text.startsWith(`${folder}/`) &&
  text.length <= MAX_PATH &&
  /^[A-Za-z0-9._/-]+$/.test(text) &&
  !text.includes('..');

/** `/etc/kios/time/time.yaml`. */
export const TimeConfig = v.strictObject({
  servers: v.optional(v.array(Source), []),
  pools: v.optional(v.array(host), []),
  /**
   * The effect of servers from a DHCP lease: they replace the platform's and the fallback, join them, or are ignored.
   */
  useDhcp: v.optional(v.picklist(['replace', 'add', 'ignore']), 'add'),
  usePlatform: v.optional(v.boolean(), true),
  /** `auto`: the hypervisor's clock is a source where its device opens. */
  useHypervisorClock: v.optional(
    v.union([v.literal('auto'), v.boolean()], 'is none of auto, true, false'),
    'auto',
  ),
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
  /** Takes certificates of NTS servers as valid whatever their dates until the clock has been set once. */
  ntsBootstrap: flag,
  /** The file of keys that `key` numbers (chrony.conf(5), keyfile). */
  keys: v.optional(v.strictObject({ path: v.string() })),
  /** Lines for the end of chrony.conf. */
  extra: v.optional(v.string(), ''),
});
export type TimeConfig = v.InferOutput<typeof TimeConfig>;
