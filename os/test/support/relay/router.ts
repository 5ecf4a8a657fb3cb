import path from 'node:path';

import { type RunningProcess, startChronyd } from '@kios/testkit';

import { type Border, SEGMENT } from './border.ts';

/** What the router of a segment says to its hosts. */
export interface RouterSettings {
  /** A prefix of 64 bits (`2001:db8::`) of which hosts make addresses themselves (A flag), without DHCPv6. */
  readonly prefix: string;
  /** The name server that it announces (RDNSS); `fe80::` stands for its own link-local address. */
  readonly announced: string;
  /** First and last address that it leases by DHCPv4; without it there is none. */
  readonly leases?: string;
  /** Addresses of names. It knows no other name and asks nobody. */
  readonly names: Readonly<Record<string, readonly string[]>>;
}

/** Starts the router of a border's segment, which is its name server and its time server too. Its log is its output. */
export async function startRouter(
  border: Border,
  { prefix, announced, leases, names }: RouterSettings,
): Promise<RunningProcess> {
  const { folder } = border.netns;
  // Without it, each of its neighbour advertisements says that it is no router, and hosts take away their route by it
  // (RFC 4861, 7.2.5).
  await border.exec('sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1');
  await startChronyd(border.netns, ['local stratum 3', 'allow all']);
  const records = Object.entries(names).map(
    ([name, addresses]) => `--host-record=${[name, ...addresses].join(',')}`,
  );
  const router = border.start('dnsmasq', [
    '--conf-file=/dev/null',
    '--keep-in-foreground',
    '--log-facility=-',
    '--log-dhcp',
    '--log-queries',
    '--no-resolv',
    '--no-hosts',
    '--no-ping',
    '--bind-interfaces',
    '--user=root',
    `--interface=${SEGMENT}`,
    `--pid-file=${path.join(folder, 'router.pid')}`,
    `--dhcp-leasefile=${path.join(folder, 'router.leases')}`,
    '--enable-ra',
    `--dhcp-range=${prefix},ra-only`,
    `--dhcp-option=option6:dns-server,[${announced}]`,
    ...(leases === undefined ? [] : [`--dhcp-range=${leases},1h`]),
    ...records,
  ]);
  await router.expect('IPv6 router advertisement enabled');
  return router;
}
