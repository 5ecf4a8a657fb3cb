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
        tentative: v.optional(v.boolean(), false),
        valid_life_time: v.number(),
      }),
    ),
  }),
);

export interface Address6 {
  /** With its prefix length. */
  readonly address: string;
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
      tentative: each.tentative,
      validSeconds: each.valid_life_time,
    }));
}

/** Addresses that a DHCPv6 server gave: those of routers have the length of their prefix. */
export async function leasedOf(netns: Netns): Promise<string[]> {
  const all = await globalsOf(netns);
  return all.map(({ address }) => address).filter((address) => address.endsWith('/128'));
}

/** Returns whether addresses of the link wait for the kernel to make sure that no other host has them. */
export async function isTentative(netns: Netns, link: string): Promise<boolean> {
  const links = v.parse(Addresses, await netns.ip('-6', 'address', 'show', 'dev', link));
  return links.some(({ addr_info }) => addr_info.some(({ tentative }) => tentative));
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
