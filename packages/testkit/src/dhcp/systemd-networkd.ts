import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { startInRoot } from '../chroot.ts';
import { routeBytes } from './route-bytes.ts';
import { dhcpPeers, type DhcpServer, type DhcpSettings } from './server.ts';

const lines = (name: string, values: readonly (string | number)[] = []): string[] =>
  values.length === 0 ? [] : [`${name}=${values.join(' ')}`];

const one = <Value>(value: Value | undefined): readonly Value[] =>
  value === undefined ? [] : [value];

const hostOf = (address: string): number => Number(address.split('.').at(-1));

/** Writes an option that has no name in networkd, byte by byte. */
const bytesOption = (code: number, bytes: readonly number[]): string[] =>
  bytes.length === 0
    ? []
    : [
        `SendOption=${code}:string:${bytes
          .map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`)
          .join('')}`,
      ];

const nameBytes = (name: string): number[] => [
  ...name.split('.').flatMap((label) => [label.length, ...Buffer.from(label)]),
  0,
];

function options(settings: DhcpSettings): string[] {
  const { t1Seconds, t2Seconds, router, dns, ntp, search = [], routes = [], mtu } = settings;
  return [
    `SendOption=58:uint32:${t1Seconds}`,
    `SendOption=59:uint32:${t2Seconds}`,
    ...lines('SendOption', one(mtu === undefined ? undefined : `26:uint16:${mtu}`)),
    ...bytesOption(119, search.flatMap(nameBytes)),
    ...bytesOption(121, routes.flatMap(routeBytes)),
    `EmitRouter=${router === undefined ? 'no' : 'yes'}`,
    ...lines('Router', one(router)),
    `EmitDNS=${dns === undefined ? 'no' : 'yes'}`,
    ...lines('DNS', dns),
    ...lines('NTP', ntp),
  ];
}

function configuration(settings: DhcpSettings): string {
  const { address, pool, leaseSeconds, reserved } = settings;
  const [first, last] = [hostOf(pool[0]), hostOf(pool[1])];
  return [
    '[Match]',
    'Name=srv0',
    '[Network]',
    `Address=${address}/24`,
    'DHCPServer=yes',
    'ConfigureWithoutCarrier=yes',
    'IPv6AcceptRA=no',
    // The address of the link stays while networkd starts.
    'KeepConfiguration=yes',
    '[DHCPServer]',
    `PoolOffset=${first}`,
    `PoolSize=${last - first + 1}`,
    `DefaultLeaseTimeSec=${leaseSeconds}`,
    `MaxLeaseTimeSec=${leaseSeconds}`,
    'RapidCommit=no',
    ...options(settings),
    ...(reserved === undefined
      ? []
      : ['[DHCPServerStaticLease]', `MACAddress=${reserved.mac}`, `Address=${reserved.address}`]),
    '',
  ].join('\n');
}

/**
 * What it expects of a system: its user, its folders, and udev, whose absence it sees by a /sys that can only be read.
 * The leases are in /var/lib/systemd/network.
 */
const START = `set -e
busybox mount -o remount,bind,ro /sys
echo systemd-network:x:0:0::/: >/etc/passwd
mkdir -p /etc/systemd/network /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp /var/lib/systemd
busybox ln -s /mnt/state /var/lib/systemd/network
cp /mnt/srv0.network /etc/systemd/network
exec /usr/lib/systemd/systemd-networkd`;

const ENV = {
  SYSTEMD_LOG_LEVEL: 'debug',
  SYSTEMD_LOG_TARGET: 'console',
  /** Leases are kept only once a service says that the disk can be written to. */
  SYSTEMD_NETWORK_PERSISTENT_STORAGE_READY: '1',
};

export const systemdNetworkd: DhcpServer = {
  name: 'systemd-networkd',
  minLeaseSeconds: 1,
  log: {
    discover: /DHCPv4 server: DISCOVER /,
    offer: /DHCPv4 server: OFFER /,
    request: /DHCPv4 server: REQUEST /,
    ack: /DHCPv4 server: ACK /,
    nak: /DHCPv4 server: NAK /,
    decline: /DHCPv4 server: DECLINE /,
  },
  cannot: {
    decline: 'it only logs DECLINE and hands out the same address again',
    overload: 'it never writes option 52: where something does not fit, it does not reply',
    'long search list': 'it ends with SIGABRT where an option is longer than 255 bytes',
  },
  async start(netns, settings) {
    await mkdir(path.join(settings.folder, 'state'), { recursive: true });
    await writeFile(path.join(settings.folder, 'srv0.network'), configuration(settings));
    const command = ['/bin/sh', '-c', START];
    const how = { shared: settings.folder, env: ENV };
    const server = await startInRoot(netns, dhcpPeers(), command, how);
    await server.expect('Offering DHCPv4 leases');
    return server;
  },
};
