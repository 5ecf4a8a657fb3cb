import { type DhcpServer, dnsmasq, iscDhcpd, kea, systemdNetworkd } from '@kios/testkit/dhcp';

import { ADDRESS } from './scene.ts';
import { ONE_CARD, TWO_CARDS, type Wiring } from './wiring.ts';

const FIXED = '10.77.0.44/24';
const STATIC = `
network:
  version: 2
  ethernets:
    eth0:
      addresses: [${FIXED}]
      routes: [{to: default, via: ${ADDRESS}}]
      nameservers: {addresses: [${ADDRESS}]}
`;
const BRIDGE = `
network:
  version: 2
  ethernets: {eth0: {}}
  bridges: {br0: {interfaces: [eth0], dhcp4: true}}
`;

/** A network that a machine is plugged into. */
export interface Network {
  readonly name: string;
  readonly server: DhcpServer;
  /** The program that takes the server's place. */
  readonly next: DhcpServer;
  /** The network file. */
  readonly file?: string;
  readonly wiring: Wiring;
  /** Links that have an address each. */
  readonly links: readonly string[];
  readonly fixed?: boolean;
  /** Another program moves the card into a bridge of its own once it has an address. */
  readonly moved?: boolean;
  readonly dual?: boolean;
  /** A second card leads to a segment of its own. */
  readonly segments?: boolean;
  /** The file has pods on the LAN, and one runs. The next server is one of the same network: no pod can move. */
  readonly pods?: boolean;
}

const ETH0 = { wiring: ONE_CARD, links: ['eth0'] } as const;

export const NETWORKS: readonly Network[] = [
  { ...ETH0, name: 'DHCPv4 of dnsmasq', server: dnsmasq, next: kea },
  { ...ETH0, name: 'DHCPv4 of Kea', server: kea, next: iscDhcpd },
  { ...ETH0, name: 'DHCPv4 of ISC dhcpd', server: iscDhcpd, next: dnsmasq },
  { ...ETH0, name: 'DHCPv4 of systemd-networkd', server: systemdNetworkd, next: kea },
  { ...ETH0, name: 'a static address', server: dnsmasq, next: kea, file: STATIC, fixed: true },
  { ...ETH0, name: 'a bridge', server: kea, next: dnsmasq, file: BRIDGE, links: ['br0'] },
  {
    name: 'two cards on one segment',
    server: dnsmasq,
    next: kea,
    wiring: TWO_CARDS,
    links: ['eth0', 'eth1'],
  },
  { ...ETH0, name: 'two cards on two segments', server: kea, next: iscDhcpd, segments: true },
  {
    ...ETH0,
    name: 'pods on the LAN',
    server: iscDhcpd,
    next: dnsmasq,
    file: `${BRIDGE}pods: {lan: br0}\n`,
    links: ['br0'],
    pods: true,
  },
  { ...ETH0, name: 'a card moved', server: iscDhcpd, next: kea, links: ['br-ex'], moved: true },
  { ...ETH0, name: 'dual stack', server: kea, next: dnsmasq, dual: true },
];
