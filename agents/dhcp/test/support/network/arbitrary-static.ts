import type { Address, Route } from '@kios/netlink';
import type { Rule } from '@kios/netlink/rules';
import type * as file from '@kios/network-config';
import * as fc from 'fast-check';

/*
 * Few values, so that those of a file and those of others meet often.
 */

const V4 = ['10.0.0.5/24', '10.0.0.5/16', '10.0.0.6/24', '10.1.0.5/24', '192.0.2.9/32'] as const;
const V6 = [
  '2001:db8::5/64',
  '2001:db8::5/48',
  '2001:db8::6/64',
  'fd00::5/128',
  'fe80::77/64',
] as const;
const hostOf = (text: string): string => text.split('/')[0] ?? '';

const FAMILIES = {
  4: { dst: ['0.0.0.0/0', '10.9.0.0/16', '192.0.2.0/24'], via: ['10.0.0.1', '10.1.0.1'], own: V4 },
  6: { dst: ['::/0', '2001:db8:9::/48'], via: ['2001:db8::1', 'fe80::1', 'fd00::1'], own: V6 },
} as const;

const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined });
const family = fc.constantFrom(4, 6);
const metric = maybe(fc.constantFrom(0, 50, 100));
const table = maybe(fc.constantFrom(101, 254, 1000));
const number = maybe(fc.constantFrom(0, 1400, 70_000));

const address: fc.Arbitrary<file.Address> = fc.record({
  address: fc.constantFrom(...V4, ...V6),
  label: maybe(fc.constantFrom('eth:1', 'eth:2')),
  deprecated: fc.boolean(),
});

const route: fc.Arbitrary<file.Route> = family.chain((number_) => {
  const { dst, via, own } = FAMILIES[number_];
  const common = {
    to: fc.constantFrom(...dst),
    from: maybe(fc.constantFrom(...own.map(hostOf))),
    metric,
    table,
    scope: fc.constant(undefined),
    mtu: number,
    advertisedMss: number,
    congestionWindow: number,
    advertisedReceiveWindow: fc.constant(undefined),
  };
  return fc.oneof(
    fc.record({
      ...common,
      via: fc.constantFrom(...via),
      onLink: fc.boolean(),
      type: fc.constant('unicast' as const),
    }),
    fc.record({
      ...common,
      via: fc.constant(undefined),
      onLink: fc.constant(false),
      type: fc.constantFrom('unicast' as const, 'local' as const),
    }),
    fc.record({
      ...common,
      via: fc.constant(undefined),
      from: fc.constant(undefined),
      onLink: fc.constant(false),
      type: fc.constantFrom('blackhole' as const, 'unreachable' as const, 'throw' as const),
    }),
  );
});

const rule: fc.Arbitrary<file.Rule> = fc.record({
  from: fc.constantFrom('10.0.0.5/32', '2001:db8::/64', '0.0.0.0/0'),
  to: fc.constant(undefined),
  table: fc.constantFrom(101, 1000),
  priority: maybe(fc.constantFrom(100, 200)),
  mark: maybe(fc.constantFrom(0, 5)),
  typeOfService: fc.constant(undefined),
});

const few = <T>(value: fc.Arbitrary<T>, most: number): fc.Arbitrary<T[]> =>
  fc.array(value, { maxLength: most });

const REST = {
  id: fc.constant('eth'),
  dhcp4: fc.constant(undefined),
  dhcp6: fc.constant(undefined),
  nameservers: fc.constant([]),
  search: fc.constant([]),
  mtu: fc.constant(undefined),
  macaddress: fc.constant(undefined),
  linkLocal: fc.record({ ipv4: fc.constant(false), ipv6: fc.boolean() }),
  acceptRa: fc.constant(undefined),
  ra: fc.constant({ useDns: undefined, useDomains: undefined, table: undefined }),
  ipv6: fc.constant({
    mtu: undefined,
    privacy: undefined,
    generation: undefined,
    token: undefined,
  }),
  optional: fc.constant(false),
};

const anything: fc.Arbitrary<file.LinkSettings> = fc.record({
  ...REST,
  addresses: few(address, 4),
  routes: few(route, 5),
  rules: few(rule, 3),
});

/** So few that one file changes the label of another's only address, and the metric of its routes. */
const oneSubnet: fc.Arbitrary<file.LinkSettings> = fc.record({
  ...REST,
  addresses: few(
    fc.record({
      address: fc.constantFrom('10.0.0.5/24', '10.0.0.6/24'),
      label: maybe(fc.constantFrom('eth:1', 'eth:2')),
      deprecated: fc.constant(false),
    }),
    2,
  ),
  routes: few(
    fc.record({
      to: fc.constant('0.0.0.0/0'),
      from: maybe(fc.constant('10.0.0.5')),
      metric,
      table: maybe(fc.constant(1000)),
      scope: fc.constant(undefined),
      mtu: fc.constant(undefined),
      advertisedMss: fc.constant(undefined),
      congestionWindow: fc.constant(undefined),
      advertisedReceiveWindow: fc.constant(undefined),
      via: maybe(fc.constant('10.0.0.1')),
      onLink: fc.constant(false),
      type: fc.constant('unicast' as const),
    }),
    3,
  ),
  rules: fc.constant([]),
});

/** What a file says of a link. */
export const settings = fc.oneof(anything, oneSubnet);

/** Owners: unknown, boot, an administrator, a lease, and the file itself, of an earlier version. */
const owner = fc.constantFrom(0, 3, 4, 16, 107);
const ifindex = fc.constantFrom(2, 3);

/** What somebody else, or an earlier file, does to the kernel. */
export type Deed =
  | { readonly address: Address }
  | { readonly route: Route; readonly beside: boolean }
  | { readonly rule: Rule };

const someAddress: fc.Arbitrary<Deed> = fc
  .tuple(fc.constantFrom(...V4, ...V6), ifindex, owner, fc.constantFrom(0xffff_ffff, 3600))
  .map(([text, index, protocol, seconds]) => ({
    address: {
      ifindex: index,
      address: hostOf(text),
      prefix: Number(text.split('/')[1]),
      scope: 0,
      protocol,
      validSeconds: seconds,
      preferredSeconds: seconds,
    },
  }));

const someRoute: fc.Arbitrary<Deed> = family.chain((number_) => {
  const { dst, via } = FAMILIES[number_];
  return fc.record({
    beside: fc.boolean(),
    route: fc
      .record({
        dst: fc.constantFrom(...dst),
        via: maybe(fc.constantFrom(...via)),
        // 0 is a route through several links.
        ifindex: fc.constantFrom(0, 2, 3),
        metric: fc.constantFrom(...(number_ === 6 ? [1024] : [0]), 50, 100, 110),
        protocol: fc.oneof(owner, fc.constant(9)),
        table: fc.constantFrom(undefined, 101, 1000),
      })
      .map((each) => ({
        ...each,
        via: each.ifindex === 0 ? undefined : each.via,
        onLink: each.via === undefined || each.ifindex === 0 ? undefined : true,
        scope: number_ === 6 || each.via !== undefined ? 0 : 253,
      })),
  });
});

const someRule: fc.Arbitrary<Deed> = fc
  .record({
    family: fc.constant('ipv4' as const),
    from: fc.constantFrom('10.0.0.5/32', undefined),
    table: fc.constantFrom(101, 1000),
    priority: fc.constantFrom(100, 300),
    protocol: owner,
  })
  .map((each) => ({ rule: each }));

export const deeds = few(fc.oneof(someAddress, someRoute, someRule), 8);
