import type { DhcpSettings, Link, NetworkConfig, RaSettings } from '@kios/network-config';

import { LINK_METRIC } from '../kernel/metric.ts';
import type { Present } from './match.ts';

/** How a link of a network file is served. */
export interface FileRole {
  readonly dhcp4: DhcpSettings | undefined;
  readonly dhcp6: DhcpSettings | undefined;
  /** Undefined where the file forbids announcements of routers. */
  readonly ra: RaSettings | undefined;
  /** Links that are read of the file first are preferred: they stand in the order of their keys. */
  readonly metric: number;
  /** The boot does not wait for the link. */
  readonly isOptional: boolean;
  /** Ports of a bridge that the file gives it, by index. Others are pods'. */
  readonly uplinks?: readonly number[];
}

/** A link of the file, one of the kernel that it means, and the metric of its routes. No two have the same. */
export interface Placed {
  readonly settings: Link;
  readonly link: Present;
  readonly metric: number;
}

/** Returns the links of the file that are there. */
export function placeLinks(
  config: NetworkConfig,
  found: ReadonlyMap<string, readonly Present[]>,
): readonly Placed[] {
  const all = config.links.flatMap((settings) =>
    (found.get(settings.id) ?? []).map((link) => ({ settings, link })),
  );
  return all.map((each, order) => ({
    ...each,
    metric: LINK_METRIC.first + LINK_METRIC.step * order,
  }));
}

/** Returns the ports of a bridge; nothing for other links, whose carrier is that of their own members. */
function uplinksOf({ settings }: Placed, placed: readonly Placed[]): Pick<FileRole, 'uplinks'> {
  if (settings.kind !== 'bridge' || settings.interfaces.length === 0) return {};
  const ports = placed.filter((each) => settings.interfaces.includes(each.settings.id));
  return { uplinks: ports.map(({ link }) => link.index) };
}

function roleOf({ settings, metric }: Placed): FileRole | undefined {
  const { dhcp4, dhcp6, acceptRa, ra, linkLocal, optional } = settings;
  const listens = acceptRa !== false && linkLocal.ipv6;
  if (dhcp4 === undefined && dhcp6 === undefined && !listens) return undefined;
  return { dhcp4, dhcp6, ra: listens ? ra : undefined, metric, isOptional: optional };
}

/** Returns the role of each link that gets something from its network, by its index. Ports are others' business. */
export function rolesOf(placed: readonly Placed[]): ReadonlyMap<number, FileRole> {
  const roles = placed.flatMap((each) => {
    const role = each.link.master === undefined ? roleOf(each) : undefined;
    if (role === undefined) return [];
    return [[each.link.index, { ...role, ...uplinksOf(each, placed) }] as const];
  });
  return new Map(roles);
}

const hasAddresses = ({ dhcp4, dhcp6, addresses }: Link): boolean =>
  dhcp4 !== undefined || dhcp6 !== undefined || addresses.length > 0;

/** Returns whether the boot waits for a link of the file. */
export const isWaitedFor = (link: Link): boolean => !link.optional && hasAddresses(link);

/** Returns whether any link of the file has IPv4. */
export const hasIpv4 = ({ links }: NetworkConfig): boolean =>
  links.some(
    ({ dhcp4, addresses }) =>
      dhcp4 !== undefined || addresses.some(({ address }) => !address.includes(':')),
  );
