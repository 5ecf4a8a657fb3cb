import { type Route, SCOPE } from '@kios/netlink';

import type { Lease } from '../lease/lease.ts';
import { isInPrefix, networkOf } from '../lease/network.ts';
import type { LeaseRoute } from '../wire/classless-routes.ts';
import { FALLBACK_METRIC } from './metric.ts';
import { type Change, isMtuForRoutes, OURS, type PlanPolicy, type Present } from './present.ts';

const DEFAULT_ROUTE = '0.0.0.0/0';

/** A route of the lease; with `why` it is not installed. */
interface Wanted {
  readonly route: Route;
  readonly why?: string | undefined;
}

/**
 * Returns the changes that bring the routes of the link to those of the lease. Routes through gateways come last,
 * behind stale ones and those on the link that lead to the gateways.
 */
export function planRoutes(lease: Lease, present: Present, policy: PlanPolicy): Change[] {
  const all = policy.routes ? wantedRoutes(lease, present, policy) : [];
  const skipped = all.flatMap(({ route, why }): Change[] =>
    why === undefined ? [] : [{ tag: 'skip-route', route, why }],
  );
  const wanted = all.filter(({ why }) => why === undefined).map(({ route }) => route);
  const decisions = wanted.map((route) => decide(route, present));
  const kept = new Set(decisions.flatMap(({ keeps }) => keeps ?? []));
  const changes = decisions.flatMap(({ change }) => change ?? []);
  return [
    ...skipped,
    ...changes.filter((change) => !isThrough(change)),
    ...removeRoutes(present, kept, subnetOf(lease)),
    ...changes.filter(isThrough),
  ];
}

const isThrough = (change: Change): boolean =>
  change.tag === 'set-route' && change.route.via !== undefined;

/** Returns the deletions of our routes, but not of those that stay. */
export function removeRoutes(
  present: Present,
  kept: ReadonlySet<Route> = new Set(),
  subnet?: string,
): Change[] {
  return (
    present.routes
      .filter((each) => isOurs(each, present) && !kept.has(each))
      // An earlier version replaced the kernel's route to the subnet. Without it the subnet would be out of reach.
      .filter(({ dst, via }) => via !== undefined || dst !== subnet)
      .map((route) => ({ tag: 'delete-route', route }) as const)
  );
}

/** Returns the subnet to which the kernel adds a route with the address; undefined when it adds none. */
const subnetOf = ({ address, prefix }: Lease): string | undefined =>
  prefix === 32 ? undefined : `${networkOf(address, prefix)}/${prefix}`;

/** A lease's routes in two parts, of which the first leads to the gateways of the second. */
interface Sorted {
  readonly onLink: readonly LeaseRoute[];
  /** With `why` the kernel does not take it. */
  readonly through: readonly { readonly route: LeaseRoute; readonly why?: string | undefined }[];
}

/**
 * Sorts a lease's routes, and adds one to each gateway outside the subnet, as clouds have them; `others` are further
 * hosts on the link.
 */
export function sortRoutes(lease: Lease, others: readonly string[] = []): Sorted {
  const subnet = subnetOf(lease);
  // The kernel's own route to the subnet comes with the address, and goes with it.
  const routes = lease.routes
    .map(directed)
    .filter(({ dst, via }) => via !== null || dst !== subnet);
  const onLink = routes.filter(({ via }) => via === null);
  const through = routes.filter(({ via }) => via !== null);
  const gateways = [...through.flatMap(({ via }) => via ?? []), ...others];
  const toGateways = detours(lease, onLink, gateways);
  const taken = new Set(toGateways.map(({ dst }) => dst));
  const reason = ({ dst }: LeaseRoute): string | undefined => {
    if (dst === subnet) return 'the subnet is on the link';
    return taken.has(dst) ? 'the gateway is on the link' : undefined;
  };
  return {
    onLink: [...toGateways, ...onLink],
    through: through.map((route) => ({ route, why: reason(route) })),
  };
}

/** Returns the lease's routes as the kernel shall have them. */
function wantedRoutes(lease: Lease, present: Present, policy: PlanPolicy): Wanted[] {
  const fits = lease.mtu !== undefined && lease.mtu < present.link.mtu;
  const mtu = policy.mtu && fits && isMtuForRoutes(lease, present, policy) ? lease.mtu : undefined;
  const make = ({ dst, via }: LeaseRoute): Route => ({
    dst,
    via: via ?? undefined,
    ifindex: present.link.index,
    prefsrc: lease.address,
    metric: policy.metric,
    protocol: OURS,
    scope: via === null ? SCOPE.link : SCOPE.universe,
    mtu,
  });
  const fallback = fallbackRoutes(lease);
  const { onLink, through } = sortRoutes(
    lease,
    fallback.flatMap(({ via }) => via ?? []),
  );
  return [
    ...onLink.map((route) => ({ route: make(route) })),
    ...through.map(({ route, why }) => ({ route: make(route), why })),
    ...fallback.map((route) => ({
      route: { ...make(route), metric: policy.metric + FALLBACK_METRIC },
    })),
  ];
}

const fallbackRoutes = ({ fallbackRouter }: Lease): LeaseRoute[] =>
  fallbackRouter === undefined ? [] : [{ dst: DEFAULT_ROUTE, via: fallbackRouter }];

/** A gateway that is the way to itself is on the link. */
const directed = ({ dst, via }: LeaseRoute): LeaseRoute =>
  dst === `${via}/32` ? { dst, via: null } : { dst, via };

/** Returns routes to the gateways that neither the subnet nor an on-link route covers. */
function detours(
  { address, prefix }: Lease,
  onLink: readonly LeaseRoute[],
  gateways: readonly string[],
): LeaseRoute[] {
  // An on-link default route would cover every gateway, its own included.
  const onLinkNetworks = onLink.filter(({ dst }) => dst !== DEFAULT_ROUTE);
  const isReachable = (gateway: string): boolean =>
    isInPrefix(gateway, address, prefix) || onLinkNetworks.some(({ dst }) => covers(dst, gateway));
  return [...new Set(gateways)]
    .filter((gateway) => !isReachable(gateway))
    .map((gateway) => ({ dst: `${gateway}/32`, via: null }));
}

export function covers(dst: string, address: string): boolean {
  const [network = '', prefix = '32'] = dst.split('/');
  return isInPrefix(address, network, Number(prefix));
}

interface Decision {
  readonly change?: Change;
  /** The present route that it is, or takes the place of. */
  readonly keeps?: Route | undefined;
}

/** The kernel tells routes apart by destination and metric, whoever made them. */
export const isSameKey = (a: Route, b: Route): boolean => a.dst === b.dst && a.metric === b.metric;

/** Decides about one route. */
function decide(route: Route, present: Present): Decision {
  const same = present.routes.filter((each) => isSameKey(each, route));
  const [first] = same;
  const there = same.find((each) => isOurs(each, present) && isSameRoute(each, route));
  if (there !== undefined) return { keeps: there };
  if (first === undefined) return { change: { tag: 'set-route', route } };
  // The kernel replaces the first one.
  if (!isOurs(first, present)) {
    return { change: { tag: 'skip-route', route, why: 'another owner has it' } };
  }
  return { change: { tag: 'set-route', route, replaces: true }, keeps: first };
}

export const isOurs = (route: Route, { link }: Present): boolean =>
  route.protocol === OURS && route.ifindex === link.index;

const isSameRoute = (a: Route, b: Route): boolean =>
  a.via === b.via && a.prefsrc === b.prefsrc && a.scope === b.scope && a.mtu === b.mtu;
