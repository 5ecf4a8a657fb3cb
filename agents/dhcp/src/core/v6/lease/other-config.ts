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

/** SNTP servers count only where a server sends no NTP servers. RFC 5908 §5. */
export function readConfig({ options }: Message6): OtherConfig {
  const time = options.get(OPTIONS6.ntpServers)?.filter(({ kind }) => kind !== 'multicast');
  const ntp = time?.map(({ value }) => value) ?? options.get(OPTIONS6.sntpServers) ?? [];
  return {
    dns: first(MOST.dns, (options.get(OPTIONS6.dnsServers) ?? []).filter(isServerAddress)),
    search: first(MOST.search, options.get(OPTIONS6.searchList) ?? []),
    ntp: first(
      MOST.ntp,
      ntp.filter((each) => !each.includes(':') || isServerAddress(each)),
    ),
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
