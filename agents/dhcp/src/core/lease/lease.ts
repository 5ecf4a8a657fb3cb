import { toHex } from '@kios/bytes';

import { isDomainName, relative } from '../wire/domain-list.ts';
import type { DhcpMessage } from '../wire/message.ts';
import { OPTIONS, type OptionSet } from '../wire/options.ts';
import { type Limit, Limits } from './limits.ts';
import {
  broadcastOf,
  canBeHost,
  classfulPrefix,
  isHostAddress,
  prefixOfMask,
  usable,
} from './network.ts';
import { gatewaysOf, readRoutes, type Ways } from './routes.ts';

/** A lease time that never ends. RFC 2131 §3.3. */
export const INFINITE = 0xffff_ffff;
const UNSPECIFIED = '0.0.0.0';
const MIN_MTU = 576;

/** A lease as a server granted it, checked and repaired: every field may be used as it is. */
export interface Lease extends Ways {
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
 * that. Without a mask, or a time, that of `known` counts: what a server said of the same address before.
 */
export function readLease(
  message: DhcpMessage,
  source: string,
  minLeaseSeconds: number,
  fallbackLeaseSeconds = 0,
  known?: Known,
): Granted {
  const { options, yiaddr } = message;
  const subnet = readSubnet(message, known);
  if ('refused' in subnet) return subnet;
  const { prefix } = subnet;
  const limits = new Limits();
  const fallback = timeBefore(message, known) ?? fallbackLeaseSeconds;
  const times = readTimes(options, minLeaseSeconds, fallback, limits);
  if (times === undefined) return { refused: 'no lease time' };
  const ways = readRoutes(options, yiaddr, prefix, limits);
  const isHost = (each: string): boolean => canBeHost(each, yiaddr, prefix);
  return {
    lease: {
      address: yiaddr,
      ...subnet,
      // Whatever option 28 says: with any other address the kernel would take unicasts for broadcasts.
      broadcast: broadcastOf(yiaddr, prefix),
      server: serverOf(message, source),
      ...times,
      ...ways,
      gateways: gatewaysOf(ways.routes),
      mtu: readMtu(options),
      dns: limits.first('dns', usable(options.get(OPTIONS.nameServers)).filter(isHost)),
      ...readNames(options, limits),
      ntp: readNtp(options, isHost, limits),
      raw: Object.fromEntries([...options.raw].map(([code, value]) => [code, toHex(value)])),
      limits: limits.found,
    },
  };
}

type Subnet = Pick<Lease, 'prefix' | 'maskGuessed'>;
type Known = Pick<Lease, 'address' | 'leaseSeconds'> & Subnet;

function readSubnet(
  { options, yiaddr }: DhcpMessage,
  known?: Known,
): Subnet | { readonly refused: string } {
  const mask = readMask(options);
  const subnet =
    mask === undefined && known?.address === yiaddr
      ? { prefix: known.prefix, maskGuessed: known.maskGuessed }
      : {
          prefix: mask === undefined ? classfulPrefix(yiaddr) : prefixOfMask(mask),
          maskGuessed: mask === undefined,
        };
  const { prefix, maskGuessed } = subnet;
  if (prefix === undefined) return { refused: `mask ${mask} is not contiguous` };
  if (isHostAddress(yiaddr, prefix)) return { prefix, maskGuessed };
  return { refused: `${yiaddr}/${prefix} is not a host address` };
}

/** The time of an earlier message about the same address, for one that says none. One of 0 says that it grants none. */
const timeBefore = ({ options, yiaddr }: DhcpMessage, known?: Known): number | undefined =>
  known?.address === yiaddr && options.get(OPTIONS.leaseTime) === undefined
    ? known.leaseSeconds
    : undefined;

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

function readMtu(options: OptionSet): number | undefined {
  const mtu = options.get(OPTIONS.mtu);
  return mtu !== undefined && mtu >= MIN_MTU ? mtu : undefined;
}

/** What a lease says of names, time and its second router, which is not in a file or may have been left out there. */
export function readSaid(
  options: OptionSet,
  address: string,
  prefix: number,
): Pick<Lease, 'search' | 'ntp' | 'fallbackRouter'> {
  const limits = new Limits();
  const isHost = (each: string): boolean => canBeHost(each, address, prefix);
  return {
    search: readNames(options, limits).search,
    ntp: readNtp(options, isHost, limits),
    fallbackRouter: readRoutes(options, address, prefix, limits).fallbackRouter,
  };
}

const readNtp = (
  options: OptionSet,
  isHost: (each: string) => boolean,
  limits: Limits,
): readonly string[] => limits.first('ntp', usable(options.get(OPTIONS.ntpServers)).filter(isHost));

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
