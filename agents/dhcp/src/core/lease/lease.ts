import { toHex } from '@kios/bytes';

import type { LeaseRoute } from '../wire/classless-routes.ts';
import { isDomainName, relative } from '../wire/domain-list.ts';
import type { DhcpMessage } from '../wire/message.ts';
import { OPTIONS, type OptionSet } from '../wire/options.ts';
import { type Limit, Limits } from './limits.ts';
import { broadcastOf, classfulPrefix, isHostAddress, isInPrefix, prefixOfMask } from './network.ts';

/** A lease time that never ends. RFC 2131 §3.3. */
export const INFINITE = 0xffff_ffff;
const UNSPECIFIED = '0.0.0.0';
const DEFAULT_ROUTE = '0.0.0.0/0';
const MIN_MTU = 576;

/** A lease as a server granted it, checked and repaired: every field may be used as it is. */
export interface Lease {
  readonly address: string;
  readonly prefix: number;
  /** The server sent no mask, so the prefix is that of the address's class. */
  readonly maskGuessed: boolean;
  readonly broadcast: string;
  /** Server that extends the lease; undefined when it did not identify itself. */
  readonly server: string | undefined;
  readonly leaseSeconds: number;
  readonly t1Seconds: number;
  readonly t2Seconds: number;
  readonly gateways: readonly string[];
  /** All routes, including the default route. */
  readonly routes: readonly LeaseRoute[];
  /** The second router of option 3, for the time when the first is gone. */
  readonly fallbackRouter: string | undefined;
  readonly mtu: number | undefined;
  readonly dns: readonly string[];
  readonly search: readonly string[];
  readonly ntp: readonly string[];
  readonly hostname: string | undefined;
  readonly domain: string | undefined;
  /** Every option as the server sent it, by code, in hex. */
  readonly raw: Readonly<Record<string, string>>;
  readonly limits: readonly Limit[];
}

/** A lease, or the reason why the message grants none. */
export type Granted = { readonly lease: Lease } | { readonly refused: string };

/**
 * Reads the lease that an ACK grants or an OFFER offers. `source` is the sender's address. A lease of less than
 * `minLeaseSeconds` counts as one of that length, and one without a length as one of `fallbackLeaseSeconds`; 0 refuses
 * that.
 */
export function readLease(
  message: DhcpMessage,
  source: string,
  minLeaseSeconds: number,
  fallbackLeaseSeconds = 0,
): Granted {
  const { options, yiaddr } = message;
  const mask = readMask(options);
  const prefix = mask === undefined ? classfulPrefix(yiaddr) : prefixOfMask(mask);
  if (prefix === undefined) return { refused: `mask ${mask} is not contiguous` };
  if (!isHostAddress(yiaddr, prefix))
    return { refused: `${yiaddr}/${prefix} is not a host address` };
  const limits = new Limits();
  const times = readTimes(options, minLeaseSeconds, fallbackLeaseSeconds, limits);
  if (times === undefined) return { refused: 'no lease time' };
  const routes = readRoutes(options, yiaddr, prefix, limits);
  const fallbackRouter = fallbackOf(options, yiaddr, prefix);
  return {
    lease: {
      address: yiaddr,
      prefix,
      maskGuessed: mask === undefined,
      // Whatever option 28 says: with any other address the kernel would take unicasts for broadcasts.
      broadcast: broadcastOf(yiaddr, prefix),
      server: serverOf(message, source),
      ...times,
      routes,
      fallbackRouter,
      gateways: gatewaysOf(routes),
      mtu: readMtu(options),
      dns: limits.first('dns', usable(options.get(OPTIONS.nameServers))),
      ...readNames(options, limits),
      ntp: limits.first('ntp', usable(options.get(OPTIONS.ntpServers))),
      raw: Object.fromEntries([...options.raw].map(([code, value]) => [code, toHex(value)])),
      limits: limits.found,
    },
  };
}

/**
 * Returns the server's address: option 54, or the packet's source unless that is a relay's. Field `siaddr` is the
 * server of the next stage of a network boot, not this one. Undefined when the server does not say who it is.
 */
export function serverOf(message: DhcpMessage, source: string): string | undefined {
  const { giaddr } = message;
  return serverIdOf(message) ?? usable(giaddr === UNSPECIFIED ? [source] : [])[0];
}

/** Returns option 54 if it can be a server's address. */
export const serverIdOf = ({ options }: DhcpMessage): string | undefined =>
  usable([options.get(OPTIONS.serverId) ?? UNSPECIFIED])[0];

/** Returns the mask. One without ones, as servers without configuration send it, counts as none. */
export function readMask(options: OptionSet): string | undefined {
  const mask = options.get(OPTIONS.subnetMask);
  return mask === UNSPECIFIED ? undefined : mask;
}

/** Returns the gateways of the default route. */
export const gatewaysOf = (routes: readonly LeaseRoute[]): string[] =>
  routes.flatMap(({ dst, via }) => (dst === DEFAULT_ROUTE && via !== null ? [via] : []));

type Times = Pick<Lease, 'leaseSeconds' | 't1Seconds' | 't2Seconds'>;

/**
 * Reads the times. T1 and T2 that do not fit the lease are replaced by the defaults of RFC 2131 §4.4.5. Renewals are at
 * least half the shortest lease apart, whatever the server says.
 */
function readTimes(
  options: OptionSet,
  minSeconds: number,
  fallbackSeconds: number,
  limits: Limits,
): Times | undefined {
  const sent = options.get(OPTIONS.leaseTime) || fallbackSeconds;
  if (sent === 0) return undefined;
  if (sent === INFINITE) {
    return { leaseSeconds: INFINITE, t1Seconds: INFINITE, t2Seconds: INFINITE };
  }
  const lease = limits.atLeast('lease', minSeconds, sent);
  const usual = { t1Seconds: Math.floor(lease * 0.5), t2Seconds: Math.floor(lease * 0.875) };
  const within = (sent = 0, otherwise: number): number =>
    sent > 0 && sent < lease ? sent : otherwise;
  const t1 = within(options.get(OPTIONS.renewalTime), usual.t1Seconds);
  const t1Seconds = limits.atLeast('renewal', Math.floor(minSeconds / 2), t1);
  const t2Seconds = within(options.get(OPTIONS.rebindingTime), usual.t2Seconds);
  // T2 before T1 would leave no time to renew.
  return { leaseSeconds: lease, ...(t1Seconds < t2Seconds ? { t1Seconds, t2Seconds } : usual) };
}

/** Classless routes replace the router option. Microsoft's code counts when the standard one is absent. RFC 3442. */
function readRoutes(
  options: OptionSet,
  address: string,
  prefix: number,
  limits: Limits,
): readonly LeaseRoute[] {
  const classless = classlessOf(options);
  const [router] = routersOf(options, address, prefix);
  const fallback = router === undefined ? [] : [{ dst: DEFAULT_ROUTE, via: router }];
  // The kernel has room for one route to each destination.
  const routes = new Map<string, LeaseRoute>();
  for (const route of classless ?? fallback) {
    if (route.via !== address && !routes.has(route.dst)) routes.set(route.dst, route);
  }
  const all = [...routes.values()];
  const others = limits.first(
    'routes',
    all.filter(({ dst }) => dst !== DEFAULT_ROUTE),
  );
  return all.filter((route) => route.dst === DEFAULT_ROUTE || others.includes(route));
}

const classlessOf = (options: OptionSet): readonly LeaseRoute[] | undefined =>
  options.get(OPTIONS.classlessRoutes) ?? options.get(OPTIONS.microsoftRoutes);

/** Returns the routers of option 3 that can route for the address. */
const routersOf = (options: OptionSet, address: string, prefix: number): readonly string[] =>
  usable(options.get(OPTIONS.routers)).filter(
    (router) =>
      router !== address && (!isInPrefix(router, address, prefix) || isHostAddress(router, prefix)),
  );

/** Returns the router that comes second in option 3, which does not count beside classless routes. */
export const fallbackOf = (
  options: OptionSet,
  address: string,
  prefix: number,
): string | undefined =>
  classlessOf(options) === undefined ? routersOf(options, address, prefix)[1] : undefined;

function readMtu(options: OptionSet): number | undefined {
  const mtu = options.get(OPTIONS.mtu);
  return mtu !== undefined && mtu >= MIN_MTU ? mtu : undefined;
}

function usable(addresses: readonly string[] = []): string[] {
  return [...new Set(addresses)].filter((each) => isHostAddress(each, 32));
}

/** Reads names. Option 15 may hold several, as EC2 sends them: they follow the search list. */
function readNames(
  options: OptionSet,
  limits: Limits,
): Pick<Lease, 'search' | 'domain' | 'hostname'> {
  const domains = (options.get(OPTIONS.domainName) ?? '')
    .split(' ')
    .map(relative)
    .filter(isDomainName);
  const search = [...(options.get(OPTIONS.searchList) ?? []), ...domains];
  const sent = options.get(OPTIONS.hostName);
  const hostname = sent === undefined ? undefined : relative(sent);
  return {
    search: limits.first('search', [...new Set(search)]),
    domain: domains[0],
    hostname: hostname !== undefined && isDomainName(hostname) ? hostname : undefined,
  };
}
