import * as v from 'valibot';

/** Types that `--option` can make of an option's bytes. */
export const OPTION_TYPES = ['hex', 'text', 'u8', 'u16', 'u32', 'ip', 'ips'] as const;
export type OptionType = (typeof OPTION_TYPES)[number];

const ClientId = v.pipe(
  v.string(),
  v.regex(/^(?:mac|duid|uuid|none|hex:(?:[0-9a-f]{2}){2,255})$/i, 'mac, duid, uuid, none or hex:…'),
);
const seconds = v.pipe(v.number(), v.minValue(0));

/** How one link is served. */
export const LinkSettings = v.strictObject({
  arp: v.picklist(['full', 'fast', 'none']),
  broadcast: v.boolean(),
  clientId: ClientId,
  dns: v.boolean(),
  force: v.boolean(),
  hostname: v.picklist(['send', 'request', 'off']),
  ipv4llMetadata: v.boolean(),
  ipv6Mostly: v.boolean(),
  /** Routes of the link; undefined: 100, and 10 more for each further link. */
  metric: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
  mtu: v.boolean(),
  offerWindowMs: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(10_000)),
  onExpire: v.picklist(['keep', 'drop']),
  /** Options to ask for beside the usual ones: code to type. */
  options: v.record(
    v.pipe(v.string(), v.regex(/^(?:[1-9]\d?|1\d\d|2[0-4]\d|25[0-4])$/, 'a code from 1 to 254')),
    v.picklist(OPTION_TYPES),
  ),
  rapidCommit: v.boolean(),
  routes: v.boolean(),
  startupJitterSeconds: seconds,
  strictRfc: v.boolean(),
});
export type LinkSettings = v.InferOutput<typeof LinkSettings>;

/** `dhcp.yaml`: what differs from the flags on single links. */
export const ConfigFile = v.strictObject({
  interfaces: v.optional(
    v.record(
      v.string(),
      v.strictObject({
        /** Whether the link is served at all. */
        enabled: v.optional(v.boolean(), true),
        ...v.partial(LinkSettings).entries,
      }),
    ),
    {},
  ),
});
export type ConfigFile = v.InferOutput<typeof ConfigFile>;

/** All knowing deviations from the RFCs off: some are choices that have a strict value. */
export function resolveStrict(settings: LinkSettings): LinkSettings {
  if (!settings.strictRfc) return settings;
  return { ...settings, arp: 'full', onExpire: 'drop', ipv4llMetadata: false };
}
