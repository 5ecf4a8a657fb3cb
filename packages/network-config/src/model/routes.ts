import type { NetplanCommon, NetplanRoute, NetplanRule } from '../schema/netplan.ts';
import { parseIp } from '../values/ip.ts';
import type { Address, Route, Rule } from './model.ts';

export const DEFAULTS = { 4: '0.0.0.0/0', 6: '::/0' } as const;

/** `default` is of the family of the addresses beside it. */
export function destinationOf({ to, via, from }: NetplanRoute): string {
  if (to !== 'default') return to;
  return DEFAULTS[parseIp(via ?? from ?? '')?.family ?? 4];
}

const routeOf = (route: NetplanRoute): Route => ({
  to: destinationOf(route),
  via: route.via,
  from: route.from,
  onLink: route['on-link'] ?? false,
  metric: route.metric,
  table: route.table,
  type: route.type ?? 'unicast',
  scope: route.scope,
  mtu: route.mtu,
  advertisedMss: route['advertised-mss'],
  congestionWindow: route['congestion-window'],
  advertisedReceiveWindow: route['advertised-receive-window'],
});

/** Routes as written, and behind them those that the deprecated gateway keys mean. */
export function routesOf(link: NetplanCommon): Route[] {
  const gateways = [link.gateway4, link.gateway6].flatMap((via) =>
    via === undefined ? [] : [{ to: 'default', via }],
  );
  return [...(link.routes ?? []), ...gateways].map(routeOf);
}

/** Tells routes apart that differ in anything. */
export const wholeOf = (route: Route): string => JSON.stringify(route);

/** Leaves out what only repeats a route, as files do that name the router beside each address. */
export const withoutRepeated = (routes: readonly Route[]): Route[] => [
  ...new Map(routes.map((route) => [wholeOf(route), route])).values(),
];

export const rulesOf = (link: NetplanCommon): Rule[] =>
  (link['routing-policy'] ?? []).map((rule: NetplanRule) => ({
    from: rule.from,
    to: rule.to,
    table: rule.table,
    priority: rule.priority,
    mark: rule.mark,
    typeOfService: rule['type-of-service'],
  }));

export const addressesOf = (link: NetplanCommon): Address[] =>
  (link.addresses ?? []).flatMap((entry) => {
    if (typeof entry === 'string') return [{ address: entry, label: undefined, deprecated: false }];
    return Object.entries(entry).map(([address, { label, lifetime }]) => ({
      address,
      label,
      deprecated: lifetime === '0',
    }));
  });
