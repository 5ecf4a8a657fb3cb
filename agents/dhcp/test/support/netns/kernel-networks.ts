import { dnsmasq, kea } from '@kios/testkit/dhcp';

import type { Network } from './networks.ts';
import { TWO_CARDS, VLAN } from './wiring.ts';

const BOND = `
network:
  version: 2
  ethernets: {eth0: {}, eth1: {}}
  bonds:
    bond0:
      interfaces: [eth0, eth1]
      dhcp4: true
      parameters: {mode: active-backup, mii-monitor-interval: 50}
`;

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
    file: BOND,
    links: ['bond0'],
  },
];
