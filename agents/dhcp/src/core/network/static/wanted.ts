import { type Address, familyOf, FOREVER, type Route, SCOPE, TABLE } from '@kios/netlink';
import type { Rule } from '@kios/netlink/rules';
import type * as file from '@kios/network-config';
import { broadcastOf, type Cidr, formatIp, parseCidr } from '@kios/network-config/ip';

import { STATIC } from '../../kernel/marks.ts';
import type { StaticLink } from './model.ts';

/** What the kernel takes 0 for in IPv6. */
const METRIC_6 = 1024;
/** The most that the kernel keeps. */
const MOST = { mtu: 65_535 - 15, advmss: 65_535 - 40 } as const;
const SCOPES = { global: SCOPE.universe, link: SCOPE.link, host: SCOPE.host } as const;
/** Networks with a shorter prefix have a broadcast address. RFC 3021. */
const POINT_TO_POINT = 31;

export const cidrOf = (text: string): Cidr => {
  const cidr = parseCidr(text);
  if (cidr === undefined) throw new Error(`parse prefix ${text}: it was checked before`);
  return cidr;
};

/** Returns the addresses of a link as the kernel will have them. */
export const wantedAddresses = ({ settings, link, metric }: StaticLink): Address[] =>
  settings.addresses.map(({ address, label, deprecated }) => {
    const cidr = cidrOf(address);
    const isV4 = cidr.family === 4;
    return {
      ifindex: link.index,
      address: formatIp(cidr),
      prefix: cidr.prefix,
      broadcast:
        isV4 && cidr.prefix < POINT_TO_POINT
          ? formatIp({ family: 4, value: broadcastOf(cidr) })
          : undefined,
      label: isV4 ? label : undefined,
      scope: SCOPE.universe,
      protocol: STATIC,
      metric,
      validSeconds: FOREVER,
      preferredSeconds: deprecated ? 0 : FOREVER,
    };
  });

const atMost = (value: number | undefined, most: number): number | undefined =>
  // The kernel does not keep zeros.
  value === undefined || value === 0 ? undefined : Math.min(value, most);

function scopeOf({ scope, type, via }: file.Route): number {
  if (scope !== undefined) return SCOPES[scope];
  if (type === 'local') return SCOPE.host;
  return type === 'unicast' && via === undefined ? SCOPE.link : SCOPE.universe;
}

const WITH_LINK: readonly file.RouteType[] = ['unicast', 'local'];

/** A route of the file comes before that of the link's lease to the same destination. */
const ownMetric = ({ settings, metric }: StaticLink): number =>
  settings.dhcp4 === undefined ? metric : metric - 1;

/** Of IPv6 the kernel has one scope, no metric of 0, and no leased routes. */
const familyFields = (route: file.Route, link: StaticLink): Pick<Route, 'scope' | 'metric'> =>
  familyOf(route.to) === 'ipv6'
    ? { scope: SCOPE.universe, metric: (route.metric ?? link.metric) || METRIC_6 }
    : { scope: scopeOf(route), metric: route.metric ?? ownMetric(link) };

function wantedRoute(route: file.Route, each: StaticLink): Route {
  const table = route.table ?? (route.type === 'local' ? TABLE.local : TABLE.main);
  return {
    dst: route.to,
    via: route.via,
    ifindex: WITH_LINK.includes(route.type) ? each.link.index : 0,
    prefsrc: route.from,
    protocol: STATIC,
    ...familyFields(route, each),
    table: table === TABLE.main ? undefined : table,
    type: route.type === 'unicast' ? undefined : route.type,
    onLink: route.onLink || undefined,
    mtu: atMost(route.mtu, MOST.mtu),
    advmss: atMost(route.advertisedMss, MOST.advmss),
    initcwnd: atMost(route.congestionWindow, Infinity),
    initrwnd: atMost(route.advertisedReceiveWindow, Infinity),
  };
}

/** Returns the routes of a link; those through a gateway stand behind those on the link, which may lead to it. */
export const wantedRoutes = (link: StaticLink): Route[] =>
  link.settings.routes
    .map((route) => wantedRoute(route, link))
    .toSorted((a, b) => Number(a.via !== undefined) - Number(b.via !== undefined));

/** A prefix of length 0 is every address. */
const unlessAny = (prefix: string | undefined): string | undefined =>
  prefix?.endsWith('/0') ? undefined : prefix;

export const wantedRules = ({ settings }: StaticLink): Rule[] =>
  settings.rules.map(({ from, to, table, priority, mark, typeOfService }) => ({
    family: familyOf(from ?? to ?? ''),
    from: unlessAny(from),
    to: unlessAny(to),
    table,
    priority,
    mark,
    typeOfService: typeOfService === 0 ? undefined : typeOfService,
    protocol: STATIC,
  }));
