import { type Dhcp6Server, dnsmasq6, iscDhcpd6, kea6 } from '@kios/testkit/dhcp';

/** A network of IPv6 alone that a machine is plugged into. */
export interface Network6 {
  readonly name: string;
  readonly server: Dhcp6Server;
  /** The program that takes the server's place. */
  readonly next: Dhcp6Server;
  /** Hosts make an address of the prefix too. */
  readonly slaac: boolean;
}

const SERVERS = [
  { server: kea6, next: iscDhcpd6 },
  { server: iscDhcpd6, next: kea6 },
  { server: dnsmasq6, next: kea6 },
] as const;

export const NETWORKS6: readonly Network6[] = [
  ...SERVERS.map((each) => ({
    ...each,
    name: `IPv6 only, DHCPv6 of ${each.server.name}`,
    slaac: false,
  })),
  ...SERVERS.map((each) => ({
    ...each,
    name: `IPv6 only, SLAAC and DHCPv6 of ${each.server.name}`,
    slaac: true,
  })),
];

/** The network where a router's announcements are all. */
export const SLAAC = {
  name: 'IPv6 only, SLAAC',
  server: { name: 'radvd' },
  next: { name: 'radvd' },
} as const;
