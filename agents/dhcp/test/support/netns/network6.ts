import { readFile } from 'node:fs/promises';

import type { Netns } from '@kios/testkit';
import * as v from 'valibot';

const Addresses = v.array(
  v.object({
    addr_info: v.array(
      v.looseObject({
        local: v.string(),
        prefixlen: v.number(),
        scope: v.string(),
        protocol: v.optional(v.string()),
        tentative: v.optional(v.boolean(), false),
        valid_life_time: v.number(),
      }),
    ),
  }),
);

export interface Address6 {
  /** With its prefix length. */
  readonly address: string;
  /** Who made it, as `ip` names it. */
  readonly protocol: string;
  readonly tentative: boolean;
  readonly validSeconds: number;
}

/** Global addresses of IPv6. */
export async function globalsOf(netns: Netns, link = 'eth0'): Promise<Address6[]> {
  const links = v.parse(Addresses, await netns.ip('-6', 'address', 'show', 'dev', link));
  return links
    .flatMap(({ addr_info }) => addr_info)
    .filter(({ scope }) => scope === 'global')
    .map((each) => ({
      address: `${each.local}/${each.prefixlen}`,
      protocol: each.protocol ?? '',
      tentative: each.tentative,
      validSeconds: each.valid_life_time,
    }));
}

/** Addresses that a DHCPv6 server gave. */
export async function leasedOf(netns: Netns): Promise<string[]> {
  const all = await globalsOf(netns);
  return all.filter(({ protocol }) => protocol === 'dhcp').map(({ address }) => address);
}

/** Makes the client's link one that believes routers, as init does with network cards. */
export async function acceptRouters(netns: Netns): Promise<void> {
  for (const [name, value] of [
    ['accept_ra', '2'],
    ['forwarding', '1'],
    ['dad_transmits', '1'],
  ] as const) {
    await netns.exec('sysctl', '-qw', `net.ipv6.conf.eth0.${name}=${value}`);
  }
}

export const readText = (file: string): Promise<string> => readFile(file, 'utf8').catch(() => '');
