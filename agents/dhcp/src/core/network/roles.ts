import type { DhcpSettings, Link, NetworkConfig } from '@kios/network-config';

import type { Present } from './match.ts';

/** How DHCPv4 serves a link of a network file. */
export interface FileRole {
  readonly dhcp4: DhcpSettings;
  /** The boot does not wait for the link. */
  readonly isOptional: boolean;
}

/** Returns the role of each link that gets its IPv4 address by DHCP, by its index. Others may take one as a port. */
export function rolesOf(
  config: NetworkConfig,
  found: ReadonlyMap<string, readonly Present[]>,
): ReadonlyMap<number, FileRole> {
  const roles = config.links.flatMap(({ id, dhcp4, optional }) =>
    dhcp4 === undefined
      ? []
      : (found.get(id) ?? [])
          .filter(({ master }) => master === undefined)
          .map(({ index }) => [index, { dhcp4, isOptional: optional }] as const),
  );
  return new Map(roles);
}

const hasAddresses = ({ dhcp4, addresses }: Link): boolean =>
  dhcp4 !== undefined || addresses.length > 0;

/** Returns whether the boot waits for a link of the file. */
export const isWaitedFor = (link: Link): boolean => !link.optional && hasAddresses(link);
