import { type Address, FOREVER, type Route, SCOPE } from '@kios/netlink';

import { type BoundLease, expiryOf } from '../client/model.ts';
import type { Millis } from '../client/timing.ts';
import type { Lease } from '../lease/lease.ts';
import {
  type Change,
  isLeased,
  isMtuForRoutes,
  OURS,
  type PlanPolicy,
  type Present,
} from './present.ts';
import { covers, isOurs, isSameKey, planRoutes, removeRoutes } from './routes.ts';

/** Seconds by which equal lifetimes may differ: they count down between two reads. */
const SAME_LIFETIME = 2;

/**
 * Returns the changes that bring the kernel from `present` to the lease, in order. Additions come before deletions,
 * because deleting a link's last address flushes all its routes.
 */
export function planLease(
  held: BoundLease,
  present: Present,
  policy: PlanPolicy,
  now: Millis,
): Change[] {
  const { lease } = held;
  const wanted = wantedAddress(held, present, policy, now);
  const stale = ours(present, policy.takenOver).filter((each) => !isSameAddress(each, wanted));
  const leaving = present.routes.filter(
    (route) => !isOurs(route, present) && leavesWith(route, stale),
  );
  const staying = present.routes.filter((route) => !leaving.includes(route));
  const routes = planRoutes(lease, { ...present, routes: staying }, policy);
  const hindered = routes.flatMap((change) =>
    change.tag === 'set-route' && isHindered(change.route, stale, leaving) ? [change.route] : [],
  );
  const isLate = (change: Change): boolean =>
    change.tag === 'set-route' &&
    (hindered.includes(change.route) || hindered.some((each) => isWayOf(each, change.route)));
  return [
    ...planLink(lease, present, policy),
    ...planAddress(wanted, present),
    ...routes.filter((change) => !isLate(change)),
    ...stale.map((address) => ({ tag: 'delete-address', address }) as const),
    ...routes.filter(isLate),
  ];
}

/** Returns the changes that remove everything of ours from the link. */
export function planRemoval(present: Present): Change[] {
  return [
    ...removeRoutes(present),
    ...ours(present).map((address) => ({ tag: 'delete-address', address }) as const),
  ];
}

/** Returns whether the lease's address is on the link with our mark. */
export const isPresent = ({ lease }: BoundLease, present: Present): boolean =>
  ours(present).some(({ address }) => address === lease.address);

/** Returns whether the lease is valid and its address is on the link: then it goes on without a packet. */
export const isInUse = (held: BoundLease, present: Present, now: Millis): boolean =>
  now < (expiryOf(held) ?? Infinity) && isPresent(held, present);

const ours = ({ link, addresses }: Present, takenOver?: string): Address[] =>
  addresses.filter(
    ({ ifindex, protocol, address }) =>
      ifindex === link.index && (protocol === OURS || address === takenOver),
  );

function planLink(lease: Lease, present: Present, policy: PlanPolicy): Change[] {
  const { link } = present;
  const mtu = wantedMtu(lease, present, policy);
  const change = {
    ...(mtu === undefined || mtu === link.mtu ? {} : { mtu }),
    // Without promotion a new address in the old one's subnet would be deleted with it.
    ...(ours(present).some(isLeased) ? {} : { promoteSecondaries: true }),
  };
  if (Object.keys(change).length === 0) return [];
  return [{ tag: 'change-link', index: link.index, change }];
}

/** Returns the lease's MTU, or the link's own one when this lease has none for it; undefined leaves it alone. */
function wantedMtu(lease: Lease, present: Present, policy: PlanPolicy): number | undefined {
  const { link } = present;
  const { linkMtu, mtuOnRoutes } = policy;
  if (!policy.mtu) return undefined;
  const fits = lease.mtu !== undefined && lease.mtu <= (link.maxMtu ?? Infinity);
  if (fits && !isMtuForRoutes(lease, present, policy)) return lease.mtu;
  const isLeaseMtu = linkMtu !== undefined && link.mtu === linkMtu.set && !mtuOnRoutes;
  return isLeaseMtu ? linkMtu.before : undefined;
}

function wantedAddress(
  held: BoundLease,
  { link }: Present,
  policy: PlanPolicy,
  now: Millis,
): Address {
  const { lease } = held;
  const expiry = policy.onExpire === 'keep' ? undefined : expiryOf(held);
  // The kernel refuses a lifetime of 0. The lease's end is an event of its own.
  const lifetime = expiry === undefined ? FOREVER : Math.max(1, Math.ceil((expiry - now) / 1000));
  return {
    ifindex: link.index,
    address: lease.address,
    prefix: lease.prefix,
    broadcast: lease.prefix >= 31 ? undefined : lease.broadcast,
    scope: SCOPE.universe,
    protocol: OURS,
    metric: policy.metric,
    validSeconds: lifetime,
    preferredSeconds: lifetime,
  };
}

/** Returns whether the kernel deletes the route with one of the addresses. */
const leavesWith = ({ prefsrc }: Route, addresses: readonly Address[]): boolean =>
  addresses.some(({ address }) => address === prefsrc);

/**
 * Returns whether the kernel refuses the route while these addresses and routes are there: because the gateway is an
 * address of this host, or because another route has its place.
 */
const isHindered = (
  route: Route,
  addresses: readonly Address[],
  others: readonly Route[],
): boolean =>
  addresses.some(({ address }) => address === route.via) ||
  others.some((each) => isSameKey(each, route));

/** Returns whether the first route leads to the gateway of the second. */
const isWayOf = ({ dst, via }: Route, { via: gateway }: Route): boolean =>
  via === undefined && gateway !== undefined && covers(dst, gateway);

function planAddress(wanted: Address, present: Present): Change[] {
  const unchanged = ours(present).some(
    (each) =>
      isSameAddress(each, wanted) &&
      each.metric === wanted.metric &&
      Math.abs(each.validSeconds - wanted.validSeconds) <= SAME_LIFETIME,
  );
  return unchanged ? [] : [{ tag: 'set-address', address: wanted }];
}

const isSameAddress = (a: Address, b: Address): boolean =>
  a.address === b.address && a.prefix === b.prefix;

export { type Change, isLeased, isMtuForRoutes, OURS, type PlanPolicy, type Present };
