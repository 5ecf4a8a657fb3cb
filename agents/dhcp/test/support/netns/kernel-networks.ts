import { dnsmasq, kea } from '@kios/testkit/dhcp';

import type { Network } from './networks.ts';
import { BOND_TO_BOND, TWO_CARDS, VLAN, VLAN_ON_BOND } from './wiring.ts';

const BACKUP = 'mode: active-backup';
const LACP = 'mode: 802.3ad, lacp-rate: fast';

const bond = (parameters: string, more: string): string => `
network:
  version: 2
  ethernets: {eth0: {}, eth1: {}}
  bonds:
    bond0:
      interfaces: [eth0, eth1]
      parameters: {${parameters}, mii-monitor-interval: 50}
${more}`;

const TAGGED = `
network:
  version: 2
  ethernets: {eth0: {}}
  vlans: {eth0.7: {id: 7, link: eth0, dhcp4: true}}
`;

/** Networks whose links not every workstation's kernel has. */
export const KERNEL_NETWORKS: readonly Network[] = [
  {
    name: 'a VLAN',
    server: dnsmasq,
    next: kea,
    wiring: VLAN,
    file: TAGGED,
    links: ['eth0.7'],
  },
  {
    name: 'a bond of which one card is used',
    server: kea,
    next: dnsmasq,
    wiring: TWO_CARDS,
    file: bond(BACKUP, '      dhcp4: true\n'),
    links: ['bond0'],
  },
  {
    name: 'a bond with LACP',
    server: dnsmasq,
    next: kea,
    wiring: BOND_TO_BOND,
    file: bond(LACP, '      dhcp4: true\n'),
    links: ['bond0'],
  },
  {
    name: 'a VLAN on a bond',
    server: kea,
    next: dnsmasq,
    wiring: VLAN_ON_BOND,
    file: bond(BACKUP, '  vlans: {bond0.7: {id: 7, link: bond0, dhcp4: true}}\n'),
    links: ['bond0.7'],
  },
];
