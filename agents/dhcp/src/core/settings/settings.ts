import * as v from 'valibot';

import type { Table, Values } from './table.ts';

/** Types that `--option` can give an option's bytes. */
const OPTION_TYPES = ['hex', 'text', 'u8', 'u16', 'u32', 'ip', 'ips'] as const;

const ClientId = v.pipe(
  v.string(),
  v.regex(
    /^(?:mac|duid|uuid|none|hex:(?:[0-9a-f]{2}){2,255})$/i,
    'it must be mac, duid, uuid, none or hex:…',
  ),
);

const Servers = v.pipe(
  v.array(v.pipe(v.string(), v.ipv4('it must be the IPv4 address of a server'))),
  v.readonly(),
);

/** Code to type. */
const OptionTypes = v.record(
  v.pipe(
    v.string(),
    v.regex(/^(?:[1-9]\d?|1\d\d|2[0-4]\d|25[0-4])$/, 'it must be a code from 1 to 254'),
  ),
  v.picklist(OPTION_TYPES),
);

/** The part of a client that heeds a setting: the state machine, the plan for the kernel, or only the edge. */
type Part = 'client' | 'plan';

/**
 * How one link is served. This is the only place where a setting is declared: its key is its name in `dhcp.yaml` and,
 * in kebab case, its flag, and `of` puts it into the policies of the parts that heed it.
 */
export const SETTINGS = {
  allowServers: {
    flag: 'allow-server',
    schema: Servers,
    default: [],
    describe: 'Server whose replies count, option 54 or else the sender; without any, all do',
    of: ['client'],
  },
  arp: {
    schema: v.picklist(['full', 'fast', 'none']),
    default: 'fast',
    describe: 'Look for other users of an address before it is used, while it is used, or not',
    of: ['client'],
  },
  broadcast: {
    schema: v.boolean(),
    default: false,
    describe: 'Ask for broadcast replies from the first message on, not only from the third',
    of: ['client'],
  },
  clientId: {
    schema: ClientId,
    default: 'mac',
    describe: 'Client identifier, option 61: mac, duid, uuid, none or hex:…',
    of: [],
  },
  dhcp6: {
    schema: v.picklist(['off', 'routers', 'on', 'always']),
    default: 'routers',
    describe:
      'Use DHCPv6: never, as routers say, also where no router speaks, or whatever they say',
    of: [],
  },
  denyServers: {
    flag: 'deny-server',
    schema: Servers,
    default: [],
    describe: 'Server whose replies do not count, by option 54 or the sender',
    of: ['client'],
  },
  dns: { schema: v.boolean(), default: true, describe: 'Write resolv.conf', of: [] },
  fallbackLeaseSeconds: {
    flag: 'fallback-lease',
    schema: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff_fffe)),
    default: 0,
    describe: 'Seconds of a lease whose server says no time; 0 refuses it',
    of: ['client'],
  },
  force: {
    schema: v.boolean(),
    default: false,
    describe: 'Serve a link even if somebody else gave it an address',
    of: [],
  },
  hostname: {
    schema: v.picklist(['send', 'request', 'off']),
    default: 'send',
    describe: "Send the host's name if somebody chose it, else ask for one; only ask; or neither",
    of: [],
  },
  ipv4llMetadata: {
    schema: v.boolean(),
    default: false,
    describe: 'Give a link without a lease an address of 169.254/16, for a metadata service',
    of: ['plan'],
  },
  ipv6Mostly: {
    schema: v.boolean(),
    default: false,
    describe: 'Do without IPv4 while the network asks for it with option 108',
    of: ['client'],
  },
  metric: {
    schema: v.pipe(v.number(), v.integer(), v.minValue(1)),
    default: undefined,
    describe: "Metric of a link's routes; without it 100, 110, … in the order of discovery",
    of: [],
  },
  minLeaseSeconds: {
    flag: 'min-lease',
    schema: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(3600)),
    default: 60,
    describe: 'Seconds of the shortest lease: a shorter one is used as long as that',
    of: ['client'],
  },
  mtu: {
    schema: v.boolean(),
    default: true,
    describe: 'Set the MTU that the server sends',
    of: ['plan'],
  },
  offerWindowMs: {
    flag: 'offer-window',
    schema: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(10_000)),
    default: 0,
    describe: 'Milliseconds to collect offers; 0 takes the first',
    of: ['client'],
  },
  onExpire: {
    schema: v.picklist(['keep', 'drop']),
    default: 'keep',
    describe: 'Keep or drop an address whose lease ran out with no server in reach',
    of: ['client', 'plan'],
  },
  options: {
    flag: 'option',
    fromFlag: parseOptions,
    schema: OptionTypes,
    default: {},
    describe: `Option to ask for and publish, as CODE=TYPE; types: ${OPTION_TYPES.join(', ')}`,
    of: [],
  },
  rapidCommit: {
    schema: v.boolean(),
    default: true,
    describe: 'Ask for a lease within two messages, RFC 4039',
    of: ['client'],
  },
  routes: { schema: v.boolean(), default: true, describe: 'Install routes', of: ['plan'] },
  startupJitterSeconds: {
    flag: 'startup-jitter',
    schema: v.pipe(v.number(), v.minValue(0)),
    default: 0,
    describe: "Longest random wait before a link's first message, in seconds",
    of: ['client'],
  },
  strictRfc: {
    schema: v.boolean(),
    default: false,
    describe:
      'Turn off all deviations from the RFCs; implies --arp=full --on-expire=drop --min-lease=0 --fallback-lease=0 --no-ipv4ll-metadata',
    of: ['client'],
  },
} as const satisfies Table & Record<string, { readonly of: readonly Part[] }>;

type Settings = typeof SETTINGS;
type Name = keyof Settings;

export type LinkSettings = Values<Settings>;

type NamesOf<P extends Part> = {
  [N in Name]: P extends Settings[N]['of'][number] ? N : never;
}[Name];

/** The settings that one part of a client heeds. */
export type SettingsOf<P extends Part> = Pick<LinkSettings, NamesOf<P>>;

type OptionalEntries = {
  readonly [N in Name]: v.ExactOptionalSchema<Settings[N]['schema'], undefined>;
};

// oxlint-disable-next-line no-unsafe-type-assertion -- TypeScript cannot follow a mapping of entries
const optional = Object.fromEntries(
  Object.entries(SETTINGS).map(([name, { schema }]) => [name, v.exactOptional(schema)]),
) as unknown as OptionalEntries;

/** `dhcp.yaml`: how single links differ from the flags. */
export const ConfigFile = v.strictObject({
  interfaces: v.optional(
    v.record(
      v.string(),
      v.strictObject({
        /** Whether the link is served at all. */
        enabled: v.optional(v.boolean(), true),
        ...optional,
      }),
    ),
    {},
  ),
});
export type ConfigFile = v.InferOutput<typeof ConfigFile>;

/** Reads `CODE=TYPE` texts; the schema checks codes and types. */
function parseOptions(texts: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    texts.map((text) => {
      const [code = '', type] = text.split('=', 2);
      return [code, type] as const;
    }),
  );
}

/** Under `strictRfc` the settings that have a strict value take it. */
export function resolveStrict(settings: LinkSettings): LinkSettings {
  if (!settings.strictRfc) return settings;
  return {
    ...settings,
    arp: 'full',
    onExpire: 'drop',
    minLeaseSeconds: 0,
    fallbackLeaseSeconds: 0,
    ipv4llMetadata: false,
  };
}
