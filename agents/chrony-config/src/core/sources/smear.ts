import { canonicalIp } from './address.ts';

/**
 * Servers that spread a leap second over a day, as their operators say: Amazon Time Sync (AWS News Blog "Keeping Time
 * With Amazon Time Sync Service"), Google Public NTP ("Leap Smear", "Configuring Clients"), Meta ("NTP: Building a more
 * accurate time service at Facebook scale"). For up to a day around a leap second they differ from others by up to half
 * a second, and a client of both kinds jumps between them.
 */
const NAMES =
  /^(?:time\.aws\.com|time[1-4]?\.google\.com|time\.android\.com|metadata\.google\.internal|time[1-5]?\.facebook\.com)\.?$/i;

const ADDRESSES: ReadonlySet<string> = new Set([
  '169.254.169.123',
  'fd00:ec2::123',
  ...['0', '4', '8', '12'].map((last) => `216.239.35.${last}`),
  '2001:4860:4806::',
  ...['4', '8', 'c'].map((group) => `2001:4860:4806:${group}::`),
  ...[25, 26, 27, 28, 29].map((third) => `129.134.${third}.123`),
  ...['8', '9', 'a', 'b', 'c'].map((group) => `2a03:2880:ff0${group}::123`),
]);

/** The addresses of a cloud's services, which are smeared on Google's cloud and not on Oracle's. */
const CLOUD_SERVICES: ReadonlySet<string> = new Set(['169.254.169.254', 'fd20:ce::254']);

/** Platforms whose hosts follow a smeared clock, and with them what the hypervisor shows of it. */
const SMEARED_HOSTS: ReadonlySet<string> = new Set(['aws', 'gcp']);

export const hasSmearedHosts = (platform: string): boolean => SMEARED_HOSTS.has(platform);

/** Returns whether a server, by the name it was given by or one of its addresses, smears leap seconds. */
export function isSmeared(host: string, platform: string): boolean {
  const ip = canonicalIp(host);
  if (ip === undefined) return NAMES.test(host);
  return ADDRESSES.has(ip) || (CLOUD_SERVICES.has(ip) && platform === 'gcp');
}

/** What a conflict of kinds is decided by. */
export interface Kind {
  readonly isSmeared: boolean;
  /** The network alone named it, or it is the last resort: it pushes out nothing that a person or the cloud named. */
  readonly isWeak: boolean;
}

/**
 * Returns which of the two kinds a node uses; undefined where there is no conflict. The smeared one wins, unless it is
 * named by leases alone and the other is not: whoever answers DHCP would otherwise choose the node's time.
 */
export function winningKind(sources: readonly Kind[]): 'smeared' | 'unsmeared' | undefined {
  const has = (smeared: boolean, among = sources): boolean =>
    among.some(({ isSmeared }) => isSmeared === smeared);
  if (!has(true) || !has(false)) return undefined;
  const strong = sources.filter(({ isWeak }) => !isWeak);
  return has(true, strong) || strong.length === 0 ? 'smeared' : 'unsmeared';
}
