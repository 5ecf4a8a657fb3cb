import { parseIpv6 } from '@kios/bytes';

import type { Message6 } from '../wire/message.ts';
import { OPTIONS6 } from '../wire/options.ts';

/** The most of each list that is used, as for IPv4. */
const MOST = { dns: 8, ntp: 8, search: 32 } as const;

/** What a server says beside addresses. */
export interface OtherConfig {
  readonly dns: readonly string[];
  readonly search: readonly string[];
  readonly ntp: readonly string[];
}

export const NO_CONFIG: OtherConfig = { dns: [], search: [], ntp: [] };

/**
 * Reads what the copies of each option say together: RFC 5908 §4 has an option for each time server. SNTP servers count
 * only where a server names no NTP server that can be used.
 */
export function readConfig({ options }: Message6): OtherConfig {
  const times = options.all(OPTIONS6.ntpServers).flat();
  const ntp = times.filter(({ kind }) => kind !== 'multicast').map(({ value }) => value);
  const usable = ntp.filter((each) => !each.includes(':') || isServerAddress(each));
  const sntp = options.all(OPTIONS6.sntpServers).flat().filter(isServerAddress);
  return {
    dns: first(MOST.dns, options.all(OPTIONS6.dnsServers).flat().filter(isServerAddress)),
    search: first(MOST.search, options.all(OPTIONS6.searchList).flat()),
    ntp: first(MOST.ntp, usable.length > 0 ? usable : sntp),
  };
}

const first = (most: number, values: readonly string[]): readonly string[] =>
  [...new Set(values)].slice(0, most);

/** Returns whether the address means something only together with its link. */
export function isLinkLocal(address: string): boolean {
  const [high = 0, second = 0] = parseIpv6(address);
  return high === 0xfe && (second & 0xc0) === 0x80;
}

/** Returns whether a server may have the address. A link-local one would need its link beside it. */
export function isServerAddress(address: string): boolean {
  const [high = 0] = parseIpv6(address);
  return address !== '::' && address !== '::1' && high !== 0xff && !isLinkLocal(address);
}
