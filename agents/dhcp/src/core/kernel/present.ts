import { type Address, type Link, type LinkChange, type Route, SCOPE } from '@kios/netlink';

import type { Lease } from '../lease/lease.ts';
import type { SettingsOf } from '../settings/settings.ts';

/** The mark of this client's addresses and routes, RTPROT_DHCP. Nothing without it is ever changed. */
export const OURS = 16;

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

/** The MTU that a link had before a lease changed it, and the one that the lease gave it. */
export interface LinkMtu {
  readonly before: number;
  readonly set: number;
}

/** The settings that plans for the kernel heed, and facts that a client learnt about its link. */
export interface PlanPolicy extends SettingsOf<'plan'> {
  readonly metric: number;
  /** The MTU goes to our routes, because the link's driver resets the link when its MTU is set. */
  readonly mtuOnRoutes: boolean;
  readonly linkMtu?: LinkMtu | undefined;
  /** An address that the kernel got itself at boot (`ip=dhcp`), and that is ours from now on. */
  readonly takenOver?: string | undefined;
}

export type Change =
  | { readonly tag: 'change-link'; readonly index: number; readonly change: LinkChange }
  | { readonly tag: 'set-address'; readonly address: Address }
  /** Without `replaces` no other route may have the destination and metric: it would not be ours. */
  | { readonly tag: 'set-route'; readonly route: Route; readonly replaces?: true }
  | { readonly tag: 'skip-route'; readonly route: Route; readonly why: string }
  | { readonly tag: 'delete-route'; readonly route: Route }
  | { readonly tag: 'delete-address'; readonly address: Address };

/** Returns whether the lease's MTU goes to our routes, because the link must not, or cannot, have one so small. */
export const isMtuForRoutes = (
  { mtu }: Lease,
  { ipv6 }: Present,
  { mtuOnRoutes }: PlanPolicy,
): boolean => mtuOnRoutes || (ipv6 && mtu !== undefined && mtu < MIN_IPV6_MTU);
