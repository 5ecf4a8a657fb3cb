import {
  type Address,
  FOREVER,
  type Link,
  type LinkChange,
  type Route,
  SCOPE,
} from '@kios/netlink';

import { expiryOf, type BoundLease } from '../client/model.ts';
import type { Millis } from '../client/timing.ts';
import type { Lease } from '../lease/lease.ts';
import { isInPrefix } from '../lease/network.ts';
import type { SettingsOf } from '../settings/settings.ts';
import type { LeaseRoute } from '../wire/classless-routes.ts';

/** The mark of this client's addresses and routes, RTPROT_DHCP. Nothing without it is ever changed. */
export const OURS = 16;
const DEFAULT_ROUTE = '0.0.0.0/0';

/** Returns whether the address belongs to a lease. Addresses for metadata alone have link scope. */
export const isLeased = ({ protocol, scope }: Address): boolean =>
  protocol === OURS && scope === SCOPE.universe;

/** A link with a smaller MTU loses IPv6. RFC 8200 §5. */
const MIN_IPV6_MTU = 1280;

/** A link's present state in the kernel. */
export interface Present {
  readonly link: Link;
  /** IPv6 is enabled on the link. */
  readonly ipv6: boolean;
  readonly addresses: readonly Address[];
  readonly routes: readonly Route[];
}

/** The settings that plans for the kernel heed, and facts that a client learnt about its link. */
export interface PlanPolicy extends SettingsOf<'plan'> {
  readonly metric: number;
  /** The MTU goes to our routes, because the link's driver resets the link when its MTU is set. */
  readonly mtuOnRoutes: boolean;
  /** An address that the kernel got itself at boot (`ip=dhcp`), and that is ours from now on. */
  readonly takenOver?: string | undefined;
}

/** Seconds by which equal lifetimes may differ: they count down between two reads. */
const SAME_LIFETIME = 2;

export type Change =
  | { readonly tag: 'change-link'; readonly index: number; readonly change: LinkChange }
  | { readonly tag: 'set-address'; readonly address: Address }
  | { readonly tag: 'set-route'; readonly route: Route }
  | { readonly tag: 'skip-route'; readonly route: Route; readonly why: string }
  | { readonly tag: 'delete-route'; readonly route: Route }
  | { readonly tag: 'delete-address'; readonly address: Address };

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
  const routes = policy.routes ? wantedRoutes(lease, present, policy) : [];
  return [
    ...planLink(lease, present, policy),
    ...planAddress(wanted, present),
    ...routes.flatMap((route) => planRoute(route, present)),
    ...staleRoutes(routes, present),
    ...ours(present, policy.takenOver)
      .filter((each) => !isSameAddress(each, wanted))
      .map((address) => ({ tag: 'delete-address', address }) as const),
  ];
}

/** Returns the changes that remove everything of ours from the link. */
export function planRemoval(present: Present): Change[] {
  return [
    ...staleRoutes([], present),
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

/** Returns whether the lease's MTU goes to our routes, because the link must not, or cannot, have one so small. */
export const isMtuForRoutes = (
  { mtu }: Lease,
  { ipv6 }: Present,
  { mtuOnRoutes }: PlanPolicy,
): boolean => mtuOnRoutes || (ipv6 && mtu !== undefined && mtu < MIN_IPV6_MTU);

function planLink(lease: Lease, present: Present, policy: PlanPolicy): Change[] {
  const { link, addresses } = present;
  const first = !addresses.some(
    ({ ifindex, scope }) => ifindex === link.index && scope === SCOPE.universe,
  );
  const fits =
    policy.mtu &&
    !isMtuForRoutes(lease, present, policy) &&
    lease.mtu !== undefined &&
    lease.mtu <= (link.maxMtu ?? Infinity);
  const mtu = fits && lease.mtu !== link.mtu ? { mtu: lease.mtu } : {};
  // Without promotion a new address in the old one's subnet would be deleted with it.
  const change = { ...mtu, ...(first ? { promoteSecondaries: true } : {}) };
  if (Object.keys(change).length === 0) return [];
  return [{ tag: 'change-link', index: link.index, change }];
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

function planAddress(wanted: Address, present: Present): Change[] {
  const unchanged = ours(present).some(
    (each) =>
      isSameAddress(each, wanted) &&
      Math.abs(each.validSeconds - wanted.validSeconds) <= SAME_LIFETIME,
  );
  return unchanged ? [] : [{ tag: 'set-address', address: wanted }];
}

const isSameAddress = (a: Address, b: Address): boolean =>
  a.address === b.address && a.prefix === b.prefix;

/** Returns the lease's routes, preceded by one to each gateway outside the subnet: clouds have such gateways. */
function wantedRoutes(lease: Lease, present: Present, policy: PlanPolicy): Route[] {
  const mtu = policy.mtu && isMtuForRoutes(lease, present, policy) ? lease.mtu : undefined;
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
  const onLink = lease.routes.filter(({ via }) => via === null);
  const through = lease.routes.filter(({ via }) => via !== null);
  const reachable = (gateway: string): boolean =>
    isInPrefix(gateway, lease.address, lease.prefix) ||
    onLink.some(({ dst }) => covers(dst, gateway));
  const gateways = [...new Set(through.flatMap(({ via }) => via ?? []))];
  const detours = gateways.filter((gateway) => !reachable(gateway));
  const toGateways = detours.map((gateway) => ({ dst: `${gateway}/32`, via: null }));
  return [...toGateways, ...onLink, ...through].map(make);
}

function covers(dst: string, address: string): boolean {
  const [network = '', prefix = '32'] = dst.split('/');
  // An on-link default route would cover every gateway, its own included.
  return dst !== DEFAULT_ROUTE && isInPrefix(address, network, Number(prefix));
}

function planRoute(route: Route, present: Present): Change[] {
  const there = present.routes.find(
    ({ dst, metric }) => dst === route.dst && metric === route.metric,
  );
  if (there === undefined) return [{ tag: 'set-route', route }];
  if (!isOurs(there, present)) return [{ tag: 'skip-route', route, why: 'another owner has it' }];
  return isSameRoute(there, route) ? [] : [{ tag: 'set-route', route }];
}

function staleRoutes(wanted: readonly Route[], present: Present): Change[] {
  return present.routes
    .filter((each) => isOurs(each, present))
    .filter(({ dst, metric }) => !wanted.some((new_) => new_.dst === dst && new_.metric === metric))
    .map((route) => ({ tag: 'delete-route', route }) as const);
}

const isOurs = (route: Route, { link }: Present): boolean =>
  route.protocol === OURS && route.ifindex === link.index;

const isSameRoute = (a: Route, b: Route): boolean =>
  a.via === b.via && a.prefsrc === b.prefsrc && a.scope === b.scope && a.mtu === b.mtu;
