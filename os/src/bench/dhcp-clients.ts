import { stat } from 'node:fs/promises';
import path from 'node:path';

import { libraryClosure } from '../build/image/library-closure.ts';

/** A DHCP client under measurement. It runs in the foreground, in a root of its own, and configures `eth0`. */
export interface DhcpClient {
  readonly name: string;
  readonly root: string;
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** It had a lease before, and has it in its files. */
  readonly knowsLease?: boolean;
  /** Size of all it needs: program, libraries, and what its scripts run. */
  readonly imageBytes: number;
}

/** What the scripts of Debian's clients run. */
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

/** Size of programs in `root` with the libraries they need from `libraries` in it. */
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

/** The clients of Debian, in the root `peers`. */
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

/** Ours, three ways to an address. The plain name is what ships, with a server that can commit rapidly. */
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
