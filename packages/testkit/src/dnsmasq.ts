import { mkdtemp } from 'node:fs/promises';
import path from 'node:path';

import type { Netns } from './netns.ts';
import type { RunningProcess } from './running-process.ts';

export interface DnsmasqOptions {
  readonly interface: string;
  /** First and last address, mask and lease time in dnsmasq's form: `10.0.0.10,10.0.0.20,255.255.255.0,2m`. */
  readonly range: string;
  /** Values of `--dhcp-option`, such as `6,10.0.0.1`; the prefix `option-force:` sends unrequested options. */
  readonly options?: readonly string[];
  readonly rapidCommit?: boolean;
  /** Whether it replies to unknown clients with a NAK, as a network's only server may. */
  readonly authoritative?: boolean;
  /** File of the leases; a new one when absent. */
  readonly leaseFile?: string;
  readonly extra?: readonly string[];
}

/** Starts dnsmasq as DHCP server only, ready when this returns. Its log is the process's output. */
export async function startDnsmasq(netns: Netns, options: DnsmasqOptions): Promise<RunningProcess> {
  const folder = await mkdtemp(path.join(netns.folder, 'dnsmasq-'));
  const server = netns.start('dnsmasq', [
    '--conf-file=/dev/null',
    '--keep-in-foreground',
    '--log-facility=-',
    '--log-dhcp',
    '--port=0',
    '--no-ping',
    '--bind-interfaces',
    '--user=root',
    `--pid-file=${path.join(folder, 'pid')}`,
    `--interface=${options.interface}`,
    `--dhcp-range=${options.range}`,
    `--dhcp-leasefile=${options.leaseFile ?? path.join(folder, 'leases')}`,
    ...(options.options ?? []).map((option) => `--dhcp-option=${option}`),
    ...(options.rapidCommit === true ? ['--dhcp-rapid-commit'] : []),
    ...(options.authoritative === true ? ['--dhcp-authoritative'] : []),
    ...(options.extra ?? []),
  ]);
  await server.expect('sockets bound exclusively to interface');
  return server;
}
