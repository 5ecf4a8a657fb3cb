import { stat } from 'node:fs/promises';
import path from 'node:path';

import { libraryClosure } from '../build/image/library-closure.ts';

/** A DHCP client to measure. It runs in the foreground in a root folder of its own and configures `eth0`. */
export interface DhcpClient {
  readonly name: string;
  readonly root: string;
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Its files hold the lease of an earlier run. */
  readonly knowsLease?: boolean;
  /** What it finds in `/mnt/network.yaml`. */
  readonly networkFile?: string;
  /** Size of its program, libraries, and the programs that its scripts run. */
  readonly imageBytes: number;
}

/** Programs that the scripts of Debian's clients run. */
const SCRIPTS = ['usr/bin/dash', 'usr/bin/busybox', 'usr/bin/ip'];

/** The version of IP that a client gets an address of. */
type Version = 4 | 6;

interface Peer {
  readonly name: string;
  readonly version: Version;
  readonly programs: readonly string[];
  readonly command: readonly string[];
}

const DHCPCD = ['/usr/sbin/dhcpcd', '-B'];

const PEERS: readonly Peer[] = [
  {
    name: 'udhcpc',
    version: 4,
    programs: ['usr/bin/busybox', 'usr/bin/dash'],
    command: ['/usr/sbin/udhcpc', '-f', '-i', 'eth0', '-s', '/etc/udhcpc/default.script'],
  },
  {
    name: 'dhclient',
    version: 4,
    programs: ['usr/sbin/dhclient', ...SCRIPTS],
    command: ['/usr/sbin/dhclient', '-4', '-d', '-lf', '/tmp/leases', '-pf', '/tmp/pid', 'eth0'],
  },
  {
    name: 'dhcpcd without ARP',
    version: 4,
    programs: ['usr/sbin/dhcpcd', 'usr/bin/dash', 'usr/bin/busybox'],
    command: [...DHCPCD, '-4', '--noarp', 'eth0'],
  },
  {
    name: 'dhcpcd',
    version: 4,
    programs: ['usr/sbin/dhcpcd', 'usr/bin/dash', 'usr/bin/busybox'],
    command: [...DHCPCD, '-4', 'eth0'],
  },
  {
    name: 'dhclient -6',
    version: 6,
    programs: ['usr/sbin/dhclient', ...SCRIPTS],
    command: ['/usr/sbin/dhclient', '-6', '-d', '-lf', '/tmp/leases', '-pf', '/tmp/pid', 'eth0'],
  },
  {
    name: 'dhcpcd -6',
    version: 6,
    programs: ['usr/sbin/dhcpcd', 'usr/bin/dash', 'usr/bin/busybox'],
    command: [...DHCPCD, '-6', 'eth0'],
  },
];

/** Returns the size of programs in `root` with the libraries that they need from its folder `libraries`. */
async function sizeWithLibraries(
  root: string,
  libraries: string,
  programs: readonly string[],
): Promise<number> {
  const locate = (name: string): string => path.join(root, libraries, name);
  const files = programs.map((program) => path.join(root, program));
  const needed = (await libraryClosure(files, locate)).map(locate);
  const sizes = [...files, ...needed].map(async (file) => (await stat(file)).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

/** Returns Debian's clients, which are in the root folder `peers`. */
export async function debianClients(
  peers: string,
  libraries: string,
  version: Version,
): Promise<DhcpClient[]> {
  return Promise.all(
    PEERS.filter((peer) => peer.version === version).map(async ({ name, programs, command }) => ({
      name,
      root: peers,
      command,
      imageBytes: await sizeWithLibraries(peers, libraries, programs),
    })),
  );
}

const OURS = ['run', '--interface=eth0', '--run-dir=/mnt/run', '--state-dir=/mnt/state'];

/** As much as most fixed addresses have. */
const FIXED = `network:
  version: 2
  ethernets:
    eth0:
      addresses: [10.77.0.9/24]
      routes: [{to: default, via: 10.77.0.1}]
      nameservers: {addresses: [10.77.0.1]}
`;

/**
 * Returns our client in four ways to an address of IPv4, or in two to one of IPv6. The first of each, with the plain
 * name, is what ships: it uses rapid commit.
 */
export function ourClients(
  image: Pick<DhcpClient, 'root' | 'env' | 'imageBytes'>,
  entrypoint: readonly string[],
  version: Version,
): DhcpClient[] {
  const command = [...entrypoint, ...OURS];
  if (version === 6) {
    const full = [...command, '--no-rapid-commit'];
    return [
      { ...image, name: 'kios, DHCPv6', command },
      { ...image, name: 'kios, DHCPv6 full exchange', command: full },
    ];
  }
  return [
    { ...image, name: 'kios', command },
    { ...image, name: 'kios, full exchange', command: [...command, '--no-rapid-commit'] },
    { ...image, name: 'kios, INIT-REBOOT', command, knowsLease: true },
    {
      ...image,
      name: 'kios, static',
      command: [...command, '--network=/mnt/network.yaml'],
      networkFile: FIXED,
    },
  ];
}
