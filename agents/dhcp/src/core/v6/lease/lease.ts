import { fromHex, parseIpv6, toHex } from '@kios/bytes';

import type { Millis } from '../../client/timing.ts';
import { INFINITE } from '../../lease/lease.ts';
import { STATUS } from '../wire/codec.ts';
import type { IaAddress, IaNa } from '../wire/identity-association.ts';
import type { Message6 } from '../wire/message.ts';
import { OPTIONS6 } from '../wire/options.ts';
import { type OtherConfig, readConfig } from './other-config.ts';

const SECOND = 1000;
const MOST_ADDRESSES = 16;
/** A new address that lasts less is not taken: it would be lost and asked for anew all the time. */
const LEAST_VALID_SECONDS = 60;
/** Renewals are at least so far apart, whatever a server says. */
const LEAST_T1_SECONDS = 30;
/** Shares of the shortest preferred lifetime. RFC 8415 §14.2. */
const USUAL = { t1: 0.5, t2: 0.8 } as const;

/** An address in use. Times without an end are Infinity. */
export interface LeasedAddress {
  readonly address: string;
  readonly preferredUntil: Millis;
  readonly validUntil: Millis;
}

/** The addresses of a link, from one server. */
export interface Lease6 {
  /** The server's DUID in hex. */
  readonly server: string;
  readonly addresses: readonly LeasedAddress[];
  readonly t1At: Millis;
  readonly t2At: Millis;
  readonly config: OtherConfig;
}

export const serverDuid = ({ server }: Lease6): Uint8Array => fromHex(server);

/** The client's IA in a message, best one without a failure. One with T1 after T2 is none. RFC 8415 §21.4. */
export function associationOf({ options }: Message6, iaid: number): IaNa | undefined {
  const found = options
    .all(OPTIONS6.iaNa)
    .filter((each) => each.iaid === iaid)
    .filter(({ t1Seconds, t2Seconds }) => t2Seconds === 0 || t1Seconds <= t2Seconds);
  return found.find(isGranted) ?? found[0];
}

const isGranted = ({ status }: IaNa | IaAddress): boolean =>
  (status?.code ?? STATUS.success) === STATUS.success;

/**
 * Returns the addresses that may be used or are withdrawn: unicast, with a valid lifetime not below the preferred, and
 * with no status of their own that says otherwise. RFC 8415 §21.6.
 */
export function wellFormed({ addresses }: IaNa): readonly IaAddress[] {
  const unique = new Map<string, IaAddress>();
  for (const each of addresses) {
    const isLasting = each.preferredSeconds <= each.validSeconds;
    const fits = isLasting && isUsable(each.address) && isGranted(each);
    if (fits && !unique.has(each.address)) unique.set(each.address, each);
  }
  return [...unique.values()].slice(0, MOST_ADDRESSES);
}

/** Returns the addresses that are worth a new lease. */
export const grantedIn = (ia: IaNa): readonly IaAddress[] =>
  wellFormed(ia).filter(({ validSeconds }) => validSeconds >= LEAST_VALID_SECONDS);

/** Returns whether a server may assign the address: neither multicast, link-local, loopback nor unspecified. */
function isUsable(address: string): boolean {
  const [first = 0, second = 0] = parseIpv6(address);
  const linkLocal = first === 0xfe && second >= 0x80 && second < 0xc0;
  return first !== 0 && first !== 0xff && !linkLocal;
}

/** Makes a lease of new addresses. */
export function newLease(
  message: Message6,
  ia: IaNa,
  addresses: readonly IaAddress[],
  now: Millis,
): Lease6 {
  const leased = addresses.map((each) => leasedOf(each, now));
  const server = toHex(message.options.get(OPTIONS6.serverId) ?? new Uint8Array());
  return { server, addresses: leased, ...timesOf(ia, leased, now), config: readConfig(message) };
}

/**
 * Applies the reply to a Renew or Rebind: addresses get new lifetimes, those with none are withdrawn, new ones are
 * added, and those that the reply does not mention stay as they are. RFC 8415 §18.2.10.1.
 */
export function extendLease(lease: Lease6, message: Message6, ia: IaNa, now: Millis): Lease6 {
  const sent = new Map(wellFormed(ia).map((each) => [each.address, each]));
  const known = new Set(lease.addresses.map(({ address }) => address));
  const others = grantedIn(ia).filter(({ address }) => !known.has(address));
  const addresses = [
    ...lease.addresses.map((each) => {
      const update = sent.get(each.address);
      return update === undefined ? each : leasedOf(update, now);
    }),
    ...others.map((each) => leasedOf(each, now)),
  ]
    .filter(({ validUntil }) => validUntil > now)
    .slice(0, MOST_ADDRESSES);
  const server = toHex(message.options.get(OPTIONS6.serverId) ?? serverDuid(lease));
  return { server, addresses, ...timesOf(ia, addresses, now), config: readConfig(message) };
}

const timeAfter = (now: Millis, seconds: number): Millis =>
  seconds === INFINITE ? Infinity : now + seconds * SECOND;

const leasedOf = (
  { address, preferredSeconds, validSeconds }: IaAddress,
  now: Millis,
): LeasedAddress => ({
  address,
  preferredUntil: timeAfter(now, preferredSeconds),
  validUntil: timeAfter(now, validSeconds),
});

/**
 * Times that are 0, or that come when an address is lost already, are chosen by the client. RFC 8415 §14.2. One that
 * the server says stays what it is, and the chosen one leaves time between the two: a Renew comes before a Rebind.
 */
function timesOf(
  { t1Seconds, t2Seconds }: IaNa,
  addresses: readonly LeasedAddress[],
  now: Millis,
): Pick<Lease6, 't1At' | 't2At'> {
  const valid = Math.min(...addresses.map(({ validUntil }) => validUntil));
  const preferred = addresses.map((each) => each.preferredUntil).filter((time) => time > now);
  const shortest = Math.min(valid, ...preferred);
  const said = (seconds: number): Millis | undefined => {
    const time = timeAfter(now, seconds);
    return seconds > 0 && time < valid ? time : undefined;
  };
  const usual = (share: number): Millis =>
    shortest === Infinity ? Infinity : now + (shortest - now) * share;
  const [t1, t2] = [said(t1Seconds), said(t2Seconds)];
  const before = t2 === undefined ? Infinity : now + (t2 - now) * (USUAL.t1 / USUAL.t2);
  const t1At = Math.max(now + LEAST_T1_SECONDS * SECOND, t1 ?? Math.min(usual(USUAL.t1), before));
  const behind = Math.min(now + (t1At - now) * (USUAL.t2 / USUAL.t1), (t1At + valid) / 2);
  return { t1At, t2At: Math.max(t1At, t2 ?? Math.max(usual(USUAL.t2), behind)) };
}
