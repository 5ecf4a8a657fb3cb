import * as fc from 'fast-check';

/*
 * Documents without faults, of every key: each link has addresses and routes of its own.
 */

const bool = fc.boolean();
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined });
const int = (min: number, max: number): fc.Arbitrary<number> => fc.integer({ min, max });
const word = fc.stringMatching(/^[a-z][a-z0-9]{0,9}$/);
const domain = fc.tuple(word, word).map((words) => words.join('.'));
/** Texts that YAML would take for something else, too. */
const anyText = fc.oneof(
  word,
  fc.constantFrom(
    'yes',
    '0x10',
    '1e3',
    'null',
    '~',
    '12:30',
    ' padded ',
    '# no',
    "it's",
    '"',
    'é: {',
  ),
);
const mac = fc
  .array(int(0, 255), { minLength: 5, maxLength: 5 })
  .map((bytes) => ['02', ...bytes.map((byte) => byte.toString(16).padStart(2, '0'))].join(':'));
const hex = fc
  .uint8Array({ minLength: 1, maxLength: 6 })
  .map((bytes) => `hex:${Buffer.from(bytes).toString('hex')}`);

/** An object without the keys that have no value. */
const given = (value: object): object =>
  Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== undefined));
const record = (model: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<object> =>
  fc
    .record(Object.fromEntries(Object.entries(model).map(([key, value]) => [key, maybe(value)])))
    .map(given);

const overrides = {
  'route-metric': int(0, 4_294_967_295),
  'use-dns': bool,
  'use-domains': bool,
  'use-ntp': bool,
  'send-hostname': bool,
  hostname: domain,
  fqdn: domain,
  'vendor-class': fc.oneof(anyText, hex),
  'user-class': fc.oneof(anyText, hex),
};

const overrides4 = {
  ...overrides,
  'use-mtu': bool,
  'use-routes': bool,
  'request-options': fc.dictionary(
    fc.constantFrom('66', '150', '43'),
    fc.constantFrom('text', 'ips'),
  ),
  'send-options': fc.dictionary(fc.constantFrom('224', '43', '200'), fc.oneof(anyText, hex)),
};

const overrides6 = { ...overrides, 'rapid-commit': bool };

const withEnterprise = (said: object): object =>
  'vendor-class' in said ? { ...said, 'enterprise-number': 4_294_967_295 } : said;

const addresses = (id: number): fc.Arbitrary<unknown[]> =>
  fc.uniqueArray(int(1, 200), { maxLength: 3 }).chain((hosts) =>
    fc.tuple(
      ...hosts.map((host) =>
        fc
          .tuple(
            bool,
            fc.record({ label: maybe(word), lifetime: maybe(fc.constantFrom('forever', 0)) }),
          )
          .map(([isV6, { label, ...rest }]) => {
            const address = isV6
              ? `2001:db8:${id}::${host.toString(16)}/64`
              : `10.${id}.0.${host}/24`;
            const extra = given(isV6 ? rest : { label, ...rest });
            return Object.keys(extra).length === 0 ? address : { [address]: extra };
          }),
      ),
    ),
  );

const routes = fc.uniqueArray(int(1, 250), { maxLength: 3 }).chain((networks) =>
  fc.tuple(
    ...networks.map((network) =>
      fc
        .tuple(
          bool,
          fc.constantFrom({ 'on-link': true }, { type: 'blackhole' }, { scope: 'link' }),
          record({
            table: int(1, 4_294_967_295),
            mtu: int(68, 65_535),
            'advertised-mss': int(1, 9000),
          }),
        )
        .map(([isV6, form, extra]) => ({
          to: isV6 ? `fd00:${network}::/32` : `172.${network}.0.0/16`,
          ...('on-link' in form ? { via: isV6 ? 'fd01::1' : '192.168.9.1' } : {}),
          ...form,
          ...extra,
        })),
    ),
  ),
);

const rules = fc.array(
  record({
    priority: int(0, 32_765),
    mark: int(0, 4_294_967_295),
    'type-of-service': int(0, 255),
  }).map((rule) => ({ from: '10.0.0.0/8', table: 101, ...rule })),
  { maxLength: 2 },
);

const settings = (id: number): fc.Arbitrary<object> =>
  record({
    dhcp4: bool,
    dhcp6: bool,
    'dhcp4-overrides': record({
      ...overrides4,
      'client-id': fc.oneof(fc.constantFrom('mac', 'none'), hex),
    }),
    'dhcp6-overrides': record(overrides6).map(withEnterprise),
    'accept-ra': bool,
    'ra-overrides': record({ 'use-dns': bool, 'use-domains': bool }),
    addresses: addresses(id),
    routes,
    'routing-policy': rules,
    nameservers: record({
      addresses: fc.array(fc.constantFrom('192.0.2.1', '2001:db8::53'), { maxLength: 2 }),
      search: fc.array(domain, { maxLength: 2 }),
    }),
    mtu: int(1500, 9000),
    'ipv6-mtu': int(1280, 1500),
    'ipv6-privacy': bool,
    'ipv6-address-generation': fc.constantFrom('eui64', 'stable-privacy'),
    'link-local': fc.constant(['ipv6']),
    optional: bool,
  });

const card = (id: number): fc.Arbitrary<object> =>
  fc
    .tuple(
      fc.oneof(
        fc.constant({}),
        record({
          name: fc.constantFrom('en*', 'eth?'),
          driver: fc.array(word, { maxLength: 3 }),
          path: anyText,
        }).map((match) => ({ match })),
        fc.constant({
          match: { macaddress: `02:00:00:00:00:${id.toString(16).padStart(2, '0')}` },
          'set-name': `lan${id}`,
        }),
      ),
      record({ macaddress: mac }),
      settings(id),
    )
    .map(([match, own, common]) => ({ ...match, ...own, ...common }));

const bond = fc.oneof(
  record({
    'lacp-rate': fc.constantFrom('slow', 'fast', 1),
    'min-links': int(0, 8),
    'ad-select': fc.constantFrom('count', 0),
  }).map((extra) => ({ mode: '802.3ad', ...extra })),
  record({
    'up-delay': int(0, 5000),
    'down-delay': fc.constant('1s'),
    'resend-igmp': int(0, 255),
    primary: fc.constant('m1'),
  }).map((extra) => ({ mode: 'active-backup', ...extra })),
  fc.constant({
    mode: 2,
    'arp-interval': 200,
    'arp-ip-targets': ['10.0.0.1'],
    'arp-validate': 'all',
  }),
);

/** A machine with some cards, and perhaps a bond, a bridge and VLANs. */
export const document: fc.Arbitrary<object> = fc
  .tuple(
    fc.tuple(card(1), card(2)),
    maybe(fc.tuple(bond, settings(3))),
    maybe(
      fc.tuple(
        record({
          stp: fc.constant(false),
          priority: int(0, 65_535),
          'forward-delay': int(2, 30),
          'path-cost': fc.constant({ p1: 9 }),
        }),
        settings(4),
      ),
    ),
    maybe(settings(5)),
  )
  .map(([[one, two], bonded, bridged, tagged]) => ({
    network: given({
      version: 2,
      ethernets: { c1: one, c2: two, m1: {}, m2: {}, p1: {} },
      bonds: bonded && { bond0: { interfaces: ['m1', 'm2'], parameters: bonded[0], ...bonded[1] } },
      bridges: bridged && { br0: { interfaces: ['p1'], parameters: bridged[0], ...bridged[1] } },
      vlans: tagged && {
        v5: { id: 5, link: bonded ? 'bond0' : 'm1', ...tagged, mtu: 1400, 'ipv6-mtu': 1300 },
      },
    }),
  }));
