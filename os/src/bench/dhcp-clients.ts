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
  /** Size of its program, libraries, and the programs that its scripts run. */
  readonly imageBytes: number;
}

/** Programs that the scripts of Debian's clients run. */
const SCRIPTS = ['usr/bin/dash', 'usr/bin/busybox', 'usr/bin/ip'];

interface Peer {
  readonly name: string;
  readonly programs: readonly string[];
  readonly command: readonly string[];
}

const DHCPCD = ['/usr/sbin/dhcpcd', '-B', '-4'];

const PEERS: readonly Peer[] = [
  {
    name: 'udhcpc',
    programs: ['usr/bin/busybox', 'usr/bin/dash'],
    command: ['/usr/sbin/udhcpc', '-f', '-i', 'eth0', '-s', '/etc/udhcpc/default.script'],
  },
  {
    name: 'dhclient',
    programs: ['usr/sbin/dhclient', ...SCRIPTS],
    command: ['/usr/sbin/dhclient', '-4', '-d', '-lf', '/tmp/leases', '-pf', '/tmp/pid', 'eth0'],
  },
  {
    name: 'dhcpcd without ARP',
    programs: ['usr/sbin/dhcpcd', 'usr/bin/dash', 'usr/bin/busybox'],
    command: [...DHCPCD, '--noarp', 'eth0'],
  },
  {
    name: 'dhcpcd',
    programs: ['usr/sbin/dhcpcd', 'usr/bin/dash', 'usr/bin/busybox'],
    command: [...DHCPCD, 'eth0'],
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
export async function debianClients(peers: string, libraries: string): Promise<DhcpClient[]> {
  return Promise.all(
    PEERS.map(async ({ name, programs, command }) => ({
      name,
      root: peers,
      command,
      imageBytes: await sizeWithLibraries(peers, libraries, programs),
    })),
  );
}

const OURS = ['run', '--interface=eth0', '--run-dir=/mnt/run', '--state-dir=/mnt/state'];

/** Returns our client in three ways to an address. The first, named plainly, is what ships: it uses rapid commit. */
export function ourClients(
  image: Pick<DhcpClient, 'root' | 'env' | 'imageBytes'>,
  entrypoint: readonly string[],
): DhcpClient[] {
  const command = [...entrypoint, ...OURS];
  return [
    { ...image, name: 'kios', command },
    { ...image, name: 'kios, full exchange', command: [...command, '--no-rapid-commit'] },
    { ...image, name: 'kios, INIT-REBOOT', command, knowsLease: true },
  ];
}
